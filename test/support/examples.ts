/** The documents that users copy, and what their tests run them with. */
import { readdirSync, readFileSync } from "node:fs";
import { OPERATION_TYPES } from "../../src/values/operations/declarations.js";
import { type Client, EMAILS, type Somebody, signIn, testApp } from "./app.js";
import { describeInstance, memoryProvider } from "./fleet-port.js";

const pace = { intervalMs: 100, attempts: 1000 };

const OPERATION_POLLING = JSON.stringify({
  port: Object.fromEntries(OPERATION_TYPES.map((type) => [type, pace])),
});

const FOLDER = new URL("../../schema/examples/", import.meta.url);

export const ROLES = ["VIEWER", "ANALYST", "DBA", "SECURITY", "ADMIN"] as const;

export interface Example {
  readonly name: string;
  readonly text: string;
  /** The first line: what it does. */
  readonly purpose: string;
  /** Roles, or `everybody`. */
  readonly who: readonly string[];
  readonly variables: Record<string, unknown>;
}

export function readExample(file: string): Example {
  const text = readFileSync(new URL(file, FOLDER), "utf8");
  const [purpose = "", who = "", variables = ""] = text.split("\n");
  return {
    name: file.replace(".graphql", ""),
    text,
    purpose,
    who: /^# Who: (.+)$/.exec(who)?.[1]?.split(", ") ?? [],
    variables: JSON.parse(/^# variables: (\{.*\})$/.exec(variables)?.[1] ?? "null"),
  };
}

export const examples = readdirSync(FOLDER)
  .sort()
  .map((file) => readExample(file));

export interface Run {
  /** What stands in for the placeholders of the variables. */
  readonly input?: (client: Client) => Promise<Record<string, unknown>>;
  /** What stands in for variables other than `input`. */
  readonly variables?: (client: Client) => Promise<Record<string, unknown>>;
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked at, not computed with
  readonly answers: (data: any, client: Client, variables: any) => Promise<void> | void;
}

/** The dispute that the example settles. */
export const { settles } = readExample("set-environment-mapping.graphql").variables.input as { settles: string };

export type ExampleKit = ReturnType<typeof useExamples>;

/** Starts an app with a fleet in memory for the calling file. @returns with what the runs of examples need */
export function useExamples() {
  const fleet = memoryProvider([
    describeInstance(),
    describeInstance({ providerId: "p-2", identifier: "orders-prod-copy" }),
    describeInstance({ providerId: "p-3", identifier: "busy-test" }),
  ]);

  fleet.hold("p-3");

  const app = testApp({ OPERATION_POLLING }, async () => [fleet.provider]);

  /** A fresh session, because some examples end theirs. */
  const freshAs = async (role: string): Promise<Client> => {
    const { accessToken } = await signIn(app.anonymous, EMAILS[role.toLowerCase() as Somebody]);
    return app.withToken(accessToken);
  };

  const count = async (table: string, where = "true"): Promise<number> =>
    (await app.sql.unsafe(`select count(*)::int as n from ${table} where ${where}`))[0]?.n;

  const newSnapshot = async (client: Client): Promise<string> => {
    const { text, variables } = readExample("create-snapshot.graphql");
    const { data } = await client.run(text, variables);
    return data.createSnapshot.operation.snapshot.identifier;
  };

  const newScan = async (): Promise<string> => {
    const rows = await app.sql`
      insert into scans (organization_id, target_url, scan_type) values (1, 'https://x.example/', 'FULL') returning id`;
    return String(rows[0]?.id);
  };

  const refreshToken = async () => ({ refreshToken: (await signIn(app.anonymous, EMAILS.viewer)).refreshToken });

  /** What the audit log calls the records of an operation. */
  const recorded = async (operationId: string): Promise<string[]> =>
    (
      await app.sql`select action from audit_logs where resource_id = ${operationId} and action like 'operation.%' order by id`
    ).map(({ action }) => action);

  return { fleet, app, freshAs, count, newSnapshot, newScan, refreshToken, recorded };
}
