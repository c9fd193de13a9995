/** Instances and clusters of RDS behind the API, for tests of operations on them. */
import { afterAll, beforeAll } from "vitest";
import { type Client, testApp } from "./app.js";
import { ACCOUNT, OTHER_ACCOUNT, REGION, startAws, type UnderAws } from "./aws.js";
import { accepted, operationOf, recordsOf } from "./fleet-app.js";
import { eventually } from "./sandbox.js";
import { polling } from "./scripted-provider.js";

export const TEST = { Environment: "Test" };

/** Starts the double of AWS and an app over it for the calling file. @param attempts how often AWS is asked, ten times a second, until an operation times out */
export function useAwsFleet(attempts: number) {
  let under: UnderAws;
  let dba: Client;
  const here = () => under.aws.region(ACCOUNT, REGION);
  const far = () => under.aws.region(OTHER_ACCOUNT, REGION);
  const app = testApp(
    polling({ "aws-rds": attempts }),
    async () => {
      under = await startAws();
      // Without backups by AWS, which would be under way at times.
      for (const identifier of ["api-1", "busy-1", "late-1", "lost-1", "twin-1", "lost-2", "lost-3"])
        here().addInstance({ identifier, tags: TEST, retentionDays: 0 });
      here().addInstance({ identifier: "stuck-1", tags: TEST, status: "storage-full" });
      here().addInstance({ identifier: "odd-1", tags: TEST, status: "something-new" });
      here().addCluster({
        identifier: "shop",
        tags: TEST,
        members: ["shop-1", "shop-2"].map((identifier) => ({ identifier, tags: TEST })),
      });
      const [identifier, maintenanceWindow] = ["apart", "sun:05:00-sun:06:00"];
      const member = { identifier: "apart-1", tags: TEST, maintenanceWindow: "mon:09:00-mon:10:00" };
      here().addCluster({ identifier, maintenanceWindow, tags: TEST, members: [member] });
      far().addInstance({ identifier: "echo-1", tags: TEST, retentionDays: 0 });
      far().addInstance({ identifier: "twin-2", tags: TEST, retentionDays: 0 });
      return [under.open()];
    },
    { sweepMs: 300 },
  );
  beforeAll(async () => {
    dba = await app.as("dba");
  });
  afterAll(() => under?.aws.stop());
  /** Lets AWS's time pass until an operation has ended. */
  const ended = (id: string) =>
    eventually(async () => {
      under.aws.clock.advance(10_000);
      const operation = await operationOf(dba, id);
      return operation.endedAt !== null && operation;
    }, 20_000);
  const request = async (...asked: Parameters<typeof accepted> extends [unknown, ...infer R] ? R : never) =>
    ended((await accepted(dba, ...asked)).id);
  const actionsOf = async (id: string) => (await recordsOf(app, id)).map(({ action }) => action);

  return {
    here,
    app,
    ended,
    request,
    actionsOf,
    /** @returns what the hooks have opened */
    opened: () => ({ under, dba }),
  };
}
