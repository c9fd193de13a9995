/** Proposals of environments, for their tests: instances that count as PRODUCTION, two administrators and a DBA. */
import { beforeAll, expect } from "vitest";
import { type Client, testApp } from "./app.js";
import { ENVIRONMENT, instanceOf, secondAdmin } from "./fleet-app.js";
import { polling, scriptedProvider } from "./scripted-provider.js";

export const ROOT = "root@postern.example";

export const silent = { tags: [] };

export const development = [{ key: "Environment", value: "Development" }];

export const PROPOSAL = `proposal { id kind status reason environment accountId settles changeCount changes { instanceId identifier from to }
  instance { identifier } createdBy { email } createdAt expiresAt decidedBy { email name } decidedAt comment }`;

export const stateOf = ({ errors }: { errors: { extensions: Record<string, unknown> }[] | undefined }) =>
  errors?.[0]?.extensions.state;

/** Starts an app with these instances for the calling file. */
export function useProposals() {
  const provider = scriptedProvider();
  for (const name of ["a1", "b1", "c1", "d1", "e1", "f1", "g1", "h1", "i1", "j1"]) provider.add(name, silent);
  provider.add("paid-prod-01", { tags: development });
  for (const name of ["k1", "k2"]) provider.add(name, { ...silent, accountId: "444444444444" });
  for (const name of ["l1", "l2"]) provider.add(name, { ...silent, accountId: "555555555555" });
  provider.add("strict-dev-01", { tags: development });
  provider.add("named-prod-01", silent);
  provider.add("mapped-dev-01", { tags: development });
  provider.add("tagged-one", { tags: [{ key: "Environment", value: "live" }] });
  provider.add("stock", { tags: [{ key: "Environment", value: "test" }] });
  provider.add("tagged-test", { tags: [{ key: "Environment", value: "test" }] });
  const app = testApp(polling({ scripted: 600 }), async () => [provider]);
  let admin: Client;
  let other: Client;
  let dba: Client;
  beforeAll(async () => {
    [admin, other, dba] = await Promise.all([app.as("admin"), secondAdmin(app), app.as("dba")]);
  });
  const map = (client: Client, input: object) =>
    client.run(
      `mutation($input: SetEnvironmentMappingInput!) { setEnvironmentMapping(input: $input) { instance { id environment { environment conflict } } ${PROPOSAL} } }`,
      { input: { reason: "As agreed in OPS-7.", ...input } },
    );
  /** @returns the proposal that a mapping leaves */
  async function propose(input: object, client = admin) {
    const { data, errors } = await map(client, input);
    expect(errors).toBeUndefined();
    return data.setEnvironmentMapping.proposal;
  }
  const environmentOf = async (id: string) => (await instanceOf(dba, id, ENVIRONMENT)).environment;
  const statusOf = async (id: string) => {
    const { data } = await dba.run("query($id: ID!) { environmentProposal(id: $id) { status } }", { id });
    return data.environmentProposal.status;
  };

  return {
    provider,
    app,
    map,
    propose,
    environmentOf,
    statusOf,
    /** @returns what the hooks have opened */
    opened: () => ({ admin, other, dba }),
  };
}
