/** The demo's AWS: two accounts of a dozen instances, each of which says that it is simulated. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { createLog } from "../../src/log.js";
import { createAwsRdsProvider } from "../../src/providers/aws-rds.js";
import type { InstanceDescription } from "../../src/providers/provider.js";
import { startDemoAws } from "../../src/seed/demo-aws.js";

const clock = { now: () => new Date() };
const ended: (() => Promise<void>)[] = [];
afterAll(() => Promise.all(ended.map((stop) => stop())));

/** @returns every instance of a demo that starts now */
async function listAll(): Promise<InstanceDescription[]> {
  const { accounts, standIn, stop } = await startDemoAws();
  ended.push(stop);
  const provider = createAwsRdsProvider({ accounts, standIn, clock, log: createLog("silent") });
  const lists = await Promise.all(provider.scopes.map((scope) => provider.list(scope)));
  return lists.flat();
}

let instances: InstanceDescription[];
beforeAll(async () => {
  instances = await listAll();
});

it("twelve instances of six engines in two accounts", () => {
  const rows = instances.map(({ identifier, engine, accountId, region, cluster }) =>
    [accountId, region, identifier, engine, cluster?.identifier ?? ""].join(" ").trim(),
  );
  expect(rows).toEqual([
    "111122223333 eu-central-1 billing-1 aurora-postgresql billing",
    "111122223333 eu-central-1 billing-2 aurora-postgresql billing",
    "111122223333 eu-central-1 ledger-oracle oracle-ee",
    "111122223333 eu-central-1 ledger-oracle-uat oracle-ee",
    "111122223333 eu-central-1 orders-mysql-prod mysql",
    "111122223333 eu-central-1 orders-mysql-test mysql",
    "111122223333 us-east-1 analytics-dev postgres",
    "111122223333 us-east-1 erp-sqlserver sqlserver-se",
    "444455556666 eu-west-1 reports-prod-copy postgres",
    "444455556666 eu-west-1 search-1 aurora-mysql search",
    "444455556666 eu-west-1 search-2 aurora-mysql search",
    "444455556666 eu-west-1 wiki postgres",
  ]);
});

it("all say that they are simulated, and name environments in every style", () => {
  const simulated = { key: "postern:simulated", value: "true" };
  for (const { tags, cluster } of instances) {
    expect(tags).toContainEqual(simulated);
    if (cluster) expect(cluster.tags).toContainEqual(simulated);
  }
  const keys = new Set(instances.flatMap(({ tags }) => tags.map(({ key }) => key)));
  const styles = ["Environment", "environment", "Env", "env", "ENV", "Stage", "stage", "Tier", "SDLC Stage"];
  const prefixed = ["app:environment", "harbour:environment", "elasticbeanstalk:environment-name"];
  expect([...styles, ...prefixed].filter((key) => !keys.has(key))).toEqual([]);
  expect(instances.find(({ identifier }) => identifier === "wiki")!.tags).toEqual([simulated]);
});

it("is the same at each start", async () => {
  expect(await listAll()).toEqual(instances);
});
