/** Environments of instances, for their tests: instances of which methods disagree, two administrators and a DBA. */
import { beforeAll } from "vitest";
import { type Answer, type Client, testApp } from "./app.js";
import { ask, ENVIRONMENT, instanceOf, secondAdmin } from "./fleet-app.js";
import { polling, scriptedProvider } from "./scripted-provider.js";

export const PRODUCTION_MESSAGE = "Operations not allowed on production instances. Please create a CloudOps request.";

export const development = [{ key: "Environment", value: "Development" }];

export const production = [{ key: "Environment", value: "Production" }];

export const evidence = (
  of: { evidence: { method: string; environment: string | null; detail: string }[] },
  method: string,
) => of.evidence.find((one) => one.method === method);

/** Starts an app with these instances for the calling file. */
export function useEnvironments() {
  const provider = scriptedProvider();
  provider.add("ledger", { tags: [] });
  provider.add("orders-prod-01", { tags: development });
  provider.add("billing-prod-01", { tags: development });
  provider.add("payroll", { tags: [], accountId: "222222222222" });
  provider.add("archive", { tags: [], accountId: "222222222222" });
  provider.add("shop-dev-01", { tags: development, accountId: "333333333333" });
  provider.add("leaving-dev-01", { tags: development });
  provider.add("turning-dev-01", { tags: development });
  provider.add("waiting-dev-01", { tags: development });
  provider.add("going-dev-01", { tags: development });
  provider.add("newer-dev-01", { tags: development });
  provider.add("asked-dev-01", { tags: development });
  const app = testApp(polling({ scripted: 600 }), async () => [provider]);
  let admin: Client;
  let dba: Client;
  let other: Client;
  beforeAll(async () => {
    [admin, dba, other] = await Promise.all([app.as("admin"), app.as("dba"), secondAdmin(app)]);
  });
  const map = (client: Client, input: object): Promise<Answer> =>
    client.run(
      `mutation($input: SetEnvironmentMappingInput!) { setEnvironmentMapping(input: $input) { instance { ${ENVIRONMENT} } proposal { id } } }`,
      { input: { reason: "As agreed in OPS-7.", ...input } },
    );
  const environmentOf = async (id: string) => (await instanceOf(dba, id, ENVIRONMENT)).environment;
  const reboot = (instanceId: string) => ask(dba, "rebootInstance", { instanceId, waitSeconds: 20 });

  return {
    provider,
    app,
    map,
    environmentOf,
    reboot,
    /** @returns what the hooks have opened */
    opened: () => ({ admin, dba, other }),
  };
}
