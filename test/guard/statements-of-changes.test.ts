/** How many statements a change sends: one with its record and its row; what may change with it, and other rows, one read more. */
import { describe, expect, it, vi } from "vitest";
import { type Change, changesOf, inputOf, payloadOf } from "../specimens/changes.js";
import { SPECIMENS, written } from "../specimens/index.js";
import { tableOf, type Verb } from "../specimens/specimen.js";
import { EMAILS, PASSWORD, signIn } from "../support/app.js";
import { SOON } from "../support/soon.js";
import { countingApp, documentOf, GIVE_BACK, OF_BULK, OF_OPERATIONS, TAKE, withoutFleet } from "./sent.js";

const { app, statementsOf } = countingApp();

/** What a change sends unless its specimen says otherwise. */
const usually = (verb: Verb, table: string): readonly string[] => {
  const change = `${{ create: "insert into", update: "update", delete: "delete from", upsert: "insert into" }[verb.replace("Many", "")]} ${table} and audit_logs`;
  if (verb === "upsert") return ["select", change];
  return /(create|update)Many/.test(verb) ? [change, "select"] : [change];
};

const CHANGES = written.flatMap(changesOf).map((change) => {
  const { verb, specimen } = change;
  const { selection = payloadOf(change), sent = usually(verb, tableOf(specimen)) } =
    specimen.writes.statements?.[verb] ?? {};
  return { ...change, selection, sent: verb.endsWith("Many") ? [TAKE, ...sent] : sent };
});

/** A good input for rows that are there: of many rows for three. */
async function given(change: Change): Promise<object> {
  const ids: string[] = [];
  const rows = change.verb.endsWith("Many") ? 3 : 1;
  while (ids.length < rows) ids.push(await change.specimen.insert(app));
  return inputOf(change, ids, rows);
}

/** Of a mutation that no type brings along: its input, the selection of its payload, and its statements. */
type Counted = [input: () => object | Promise<object>, selection: string, statements: string[]];

/** Keeping a user out, and letting them in again, after the check that an administrator remains. */
const stateOfUser = (...ends: string[]): Counted => [
  () => ({ id: "7", reason: "It is one." }),
  "user { id lockedAt deactivatedAt }",
  ["begin", "select", "update users", ...ends, "insert into audit_logs", "commit", "select"],
];

const OTHERS: Record<string, Counted> = {
  setEnvironmentMapping: [
    async () => {
      // Two have agreed on it, so that this one waits for nobody.
      await app.sql`
        insert into environment_mappings (instance_id, environment, reason, created_by)
        select id, 'TEST', 'It was one.', '{}' from instances where identifier = 'orders-test'`;
      return { instanceId: "orders-test", environment: "TEST", reason: "It is one." };
    },
    "instance { id environment { evidence { detail } } }",
    [
      // The lock and the instance, the mapping before, the rules and the mappings, the instance among its siblings, and findings with the rest.
      ...["begin", "select", "select instances", "select", "select environment_mappings"],
      ...["select", "select environment_mappings", "select instances"],
      ...["update environment_proposals", "insert into environment_mappings", "update instances", "with"],
      ...["insert into audit_logs", "commit", "select"],
    ],
  ],
  setEnvironmentRules: [
    () => ({ rules: {}, reason: "It is one." }),
    "changed proposal { id }",
    [
      ...["begin", "select", "select", "select environment_mappings", "update environment_proposals"],
      ...["insert into environment_rules", "with", "select", "insert into audit_logs", "commit", "select"],
    ],
  ],
  proposeInstanceTags: [
    () => ({ instanceId: "orders-test", tags: [{ key: "Stage", value: "dev" }], reason: "It is one." }),
    "proposal { id }",
    [
      // The lock, the rules and the mappings, and the version of the rules.
      ...["begin", "select", "select", "select environment_mappings"],
      ...["update environment_proposals", "select", "insert into environment_proposals"],
      ...["insert into audit_logs", "commit", "select"],
    ],
  ],
  confirmEnvironmentProposal: [
    async () => ({ id: await SPECIMENS.EnvironmentProposal.insert(app) }),
    "proposal { id status }",
    [
      // The lock, the proposal, the version of the rules and the two administrators, and who has a hand in their accounts.
      ...["begin", "select", "select", "select", "select", "with"],
      ...["select", "select environment_mappings"],
      ...["insert into environment_mappings", "with", "update environment_proposals"],
      ...["insert into audit_logs", "commit", "select"],
    ],
  ],
  revokeSession: [
    async () => ({ id: await SPECIMENS.Session.insert(app) }),
    "session { id endedAt }",
    ["begin", "update sessions", "insert into security_events", "insert into audit_logs", "commit", "select"],
  ],
  revokeSessions: [
    async () => {
      for (let n = 0; n < 3; n++) await SPECIMENS.Session.insert(app);
      return { userId: "2" };
    },
    "revoked",
    ["begin", "select", "update sessions", "insert into security_events", "insert into audit_logs", "commit"],
  ],
  // One page of each sealed column.
  rotateSecrets: [() => ({}), "resealed", ["begin", "select", "select", "insert into audit_logs", "commit"]],
  recordSecurityEvent: [
    () => ({ eventType: "n", eventStatus: "WARNING" }),
    "securityEvent { id }",
    ["begin", "insert into security_events", "insert into audit_logs", "commit", "select"],
  ],
  lockUser: stateOfUser("update sessions"),
  unlockUser: stateOfUser("delete from lockouts"),
  deactivateUser: stateOfUser("update sessions"),
  reactivateUser: stateOfUser(),
};

/** By whoever is signed in, of themselves. */
const OWN: Record<string, [input: object, selection: string, statements: string[]]> = {
  changePassword: [
    { currentPassword: PASSWORD, newPassword: "four-random-words" },
    "deviceToken user { id }",
    [
      ...["select", TAKE, "begin", "with", "update lockouts", "select", "update users", "update sessions"],
      ...["insert into audit_logs", "commit", GIVE_BACK, "select"],
    ],
  ],
};

const DOORS: Record<string, [input: (refreshToken: string) => object, selection: string, statements: string[]]> = {
  signIn: [
    () => ({ email: EMAILS.viewer, password: PASSWORD }),
    "accessToken viewer { role }",
    [
      ...[TAKE, "select", "begin", "with", "update lockouts", "update sessions", "insert into security_events"],
      ...["commit", GIVE_BACK],
    ],
  ],
  refreshSession: [
    (refreshToken) => ({ refreshToken }),
    "accessToken viewer { role }",
    ["begin", "with", "insert into security_events", "commit"],
  ],
  signOut: [
    (refreshToken) => ({ refreshToken }),
    "signedOut",
    ["begin", "update sessions", "insert into security_events", "commit"],
  ],
};

it("counts every mutation", () => {
  const special = [...[OTHERS, OWN, DOORS].flatMap((mutations) => Object.keys(mutations)), "discoverInstances"];
  const named = [...CHANGES.map(({ name }) => name), ...special, ...OF_OPERATIONS, ...OF_BULK];
  expect(named.sort()).toEqual(Object.keys(app.schema.getMutationType()!.getFields()).sort());
});

it("discoverInstances; what it asks for goes on in the background", async () => {
  await app.sql`update discovery_runs set ended_at = ended_at - interval '30 seconds'`;
  const sent = withoutFleet(
    await statementsOf(await app.as("admin"), documentOf("discoverInstances", "runs { id }"), { input: {} }),
  );
  const own = ["begin", "select", "insert into discovery_runs", "insert into audit_logs", "commit"];
  expect(sent.slice(0, own.length)).toEqual(own);
  await vi.waitFor(async () => {
    expect(await app.sql`select from discovery_runs where ended_at is null`).toHaveLength(0);
  }, SOON);
});

describe("by staff", () => {
  it.each(CHANGES)("$name", async (change) => {
    const input = await given(change);
    const document = documentOf(change.name, change.selection);
    expect(withoutFleet(await statementsOf(await app.as("admin"), document, { input }))).toEqual(change.sent);
  });

  it.each(Object.keys(OTHERS))("%s", async (name) => {
    const [input, selection, statements] = OTHERS[name]!;
    const sent = await statementsOf(await app.as("admin"), documentOf(name, selection), { input: await input() });
    expect(name === "setEnvironmentMapping" ? sent : withoutFleet(sent)).toEqual(statements);
  });
});

it("with an idempotency key as many; the second time two looks and the record instead", async () => {
  const admin = await app.as("admin");
  const input = { organizationId: "1", targetUrl: "https://k.example/", scanType: "FULL", idempotencyKey: "counted" };
  const document = documentOf("createScan", "scan { id }");
  expect(await statementsOf(admin, document, { input })).toEqual([
    "insert into scans and audit_logs and idempotency_keys",
  ]);
  expect(await statementsOf(admin, document, { input })).toEqual([
    ...["insert into scans and audit_logs and idempotency_keys", "select", "select", "insert into audit_logs"],
    "select",
  ]);
});

it("of a user that ends sessions a transaction, and of an upsert a look before", async () => {
  const admin = await app.as("admin");
  const made = { email: "upserted@s.example", password: "correct horse battery", role: "DBA" };
  expect(await statementsOf(admin, documentOf("upsertUser", "user { id } created"), { input: made })).toEqual([
    ...["select", "insert into users and audit_logs"],
  ]);
  const input = { email: made.email, fullName: "N", role: "SECURITY" };
  expect(await statementsOf(admin, documentOf("upsertUser", "user { id } created"), { input })).toEqual([
    ...["select", "begin", "select", "update sessions", "update users and audit_logs", "commit"],
  ]);
  const document = documentOf("upsertOrganization", "organization { id } created");
  for (const verb of ["insert into", "update"]) {
    const organization = { name: verb, domain: "upserted.example" };
    expect(await statementsOf(admin, document, { input: organization })).toEqual([
      ...["select", `${verb} organizations and audit_logs`],
    ]);
  }
});

it("of a row that belongs to nobody as many", async () => {
  const input = { serviceName: "n", endpoint: "e", responseTimeMs: 2 };
  const document = documentOf("createPerformanceLog", "performanceLog { id }");
  expect(await statementsOf(await app.as("admin"), document, { input })).toEqual([
    "insert into performance_logs and audit_logs",
  ]);
});

it("of somebody of one organization no look more, also where the row does not itself name the organization", async () => {
  const analyst = await app.as("analyst");
  const scan = { organizationId: "1", targetUrl: "https://n.example/", scanType: "FULL" };
  expect(
    await statementsOf(analyst, documentOf("createScan", "scan { id organization { name } }"), { input: scan }),
  ).toEqual(["insert into scans and audit_logs"]);
  const many = { scanId: "1", items: Array(50).fill({ severity: "LOW", vulnType: "X", title: "t" }) };
  const document = documentOf("createVulnerabilities", "scan { id } vulnerabilities { id }");
  expect(await statementsOf(analyst, document, { input: many })).toEqual([
    TAKE,
    "insert into vulnerabilities and audit_logs",
    "select",
  ]);
});

it.each(Object.keys(DOORS))("%s", async (name) => {
  const [input, selection, statements] = DOORS[name]!;
  const { refreshToken } = await signIn(app.anonymous, EMAILS.viewer);
  const sent = await statementsOf(app.anonymous, documentOf(name, selection), { input: input(refreshToken) });
  expect(withoutFleet(sent)).toEqual(statements);
});

it.each(Object.keys(OWN))("%s", async (name) => {
  const [input, selection, statements] = OWN[name]!;
  const { accessToken } = await signIn(app.anonymous, EMAILS.otherAnalyst);
  const sent = await statementsOf(app.withToken(accessToken), documentOf(name, selection), { input });
  expect(withoutFleet(sent)).toEqual(statements);
});
