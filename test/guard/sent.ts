/** An app whose statements are counted: what each operation sends, as verbs and tables. */
import { beforeAll, expect } from "vitest";
import { OPERATION_TYPES } from "../../src/values/operations/declarations.js";
import { type Client, testApp } from "../support/app.js";
import { describeInstance, memoryProvider } from "../support/fleet-port.js";

/** What Postern does by the clock, whatever is asked: revoked sessions, operations that wait, late ends, and leases of what runs. */
const POLL =
  /"revoked_at" > |^select distinct "instance_id" from "operations"|"operations"."ended_at" > now\(\)|^update "operations" set "lease_until" = /;

/** Records that are written with no change. */
export const KEEP = "keep records";

/** Points of limits of the rate. */
export const TAKE = "take points";
export const GIVE_BACK = "give points back";

/** A statement as its verb and, where it changes something or looks at the fleet on behalf of a service, its table. */
function named(text: string): string {
  const both = /\bchanged as \(\s*(insert into|update|delete from) "(\w+)"/.exec(text);
  if (both) {
    const beside = ["audit_logs", "idempotency_keys"].filter((table) => text.includes(`insert into "${table}"`));
    return [both.slice(1).join(" "), ...beside].join(" and ");
  }
  if (/^with audited as/.test(text)) return KEEP;
  if (/^\s*with asked \(key/.test(text)) return TAKE;
  if (/^\s*with held as/.test(text)) return GIVE_BACK;
  if (/^with matched as/.test(text)) return "look what matches";
  if (/\bended as \(\s*update sessions/.test(text)) return "update sessions";
  const change = /^\s*(insert into|update|delete from) "?(\w+)"?/i.exec(text);
  if (change) return change.slice(1).join(" ").toLowerCase();
  const look =
    /^\s*select (?:"id"|distinct|count|exists)[\s\S]*? from "(instances|operations|environment_mappings|snapshots)"/.exec(
      text,
    );
  return look ? `select ${look[1]}` : text.trim().split(/\s+/)[0]!;
}

/** Mutations whose statements statements-of-operations.test.ts counts. */
export const OF_OPERATIONS = [
  "createSnapshot",
  "deleteSnapshot",
  "restoreSnapshot",
  "rebootInstance",
  "modifyBackupWindow",
  "stopInstance",
  "startInstance",
  "retryOperation",
  "modifyInstanceClass",
  "setInstanceTags",
  "changeParameterGroup",
  "cancelOperation",
] as const;

/** Those that concern many instances. */
export const OF_BULK = [
  ...(["createSnapshots", "rebootInstances", "modifyBackupWindows", "stopInstances", "startInstances"] as const),
  ...(["modifyInstanceClasses", "setTagsOfInstances", "changeParameterGroups"] as const),
  ...(["retryBulkOperation", "cancelBulkOperation"] as const),
];

/** The fleet looks around once a minute, and its worker whenever it is woken. */
export const withoutFleet = (sent: string[]) => sent.filter((text) => !/(instances|operations)$/.test(text));

export function countingApp() {
  /** A fleet whose only instance is busy with an operation that does not end, and is looked at every ten minutes. */
  const fleet = memoryProvider([describeInstance()]);
  fleet.hold("p-1");
  const pace = { intervalMs: 600_000, attempts: 10 };
  const OPERATION_POLLING = JSON.stringify({
    port: Object.fromEntries(OPERATION_TYPES.map((type) => [type, pace])),
  });
  // A sweep would claim what waits here, in the midst of what is counted.
  const app = testApp({ OPERATION_POLLING }, async () => [fleet.provider], { sweepMs: 3_600_000 });

  beforeAll(() => fleet.silence());

  const withoutPolls = () => app.statements.filter((text) => !POLL.test(text));

  /** Runs an operation that must succeed, or fail with one code. @returns the statements it sent, each as its verb and table */
  async function statementsOf(
    client: Client,
    query: string,
    variables?: Record<string, unknown>,
    refusal?: string,
  ): Promise<string[]> {
    app.statements.length = 0;
    const { status, errors } = await client.run(query, variables);
    expect(errors?.map(({ extensions }) => extensions.code)).toEqual(refusal && [refusal]);
    if (!refusal) expect(status).toBe(200);
    return withoutPolls().map(named);
  }

  return { app, withoutPolls, statementsOf };
}

export const documentOf = (name: string, selection: string): string => {
  const nullable = ["signOut", "revokeSessions", "rotateSecrets"].includes(name) ? "" : "!";
  const type = `${name.charAt(0).toUpperCase()}${name.slice(1)}Input${nullable}`;
  return `mutation($input: ${type}) { ${name}(input: $input) { ${selection} } }`;
};
