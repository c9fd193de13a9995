/** Security events that others record are told from Postern's own. */
import { readFileSync } from "node:fs";
import { beforeAll, expect, it } from "vitest";
import { EMAILS, signIn, testApp } from "../../../support/app.js";

const app = testApp();

const RECORD = `mutation($input: RecordSecurityEventInput!) {
  recordSecurityEvent(input: $input) { securityEvent { id reportedBy } } }`;
const LIST = `query($filter: SecurityEventFilter) {
  securityEvents(first: 100, filter: $filter) { totalCount nodes { id eventType reportedBy userId metadata } } }`;

const forged = {
  eventType: "authn_login_success",
  eventStatus: "SUCCESS",
  ipAddress: "203.0.113.9",
  userAgent: "Mozilla/5.0",
  // As Postern's own look; nothing in it counts.
  metadata: { sessionId: "8b0f2c1e-3f1c-4f0e-9c38-1d2f3a4b5c6d", requestId: "r", reportedBy: null },
};
let actor: Record<string, string> = {};
let userId = "";
let id = "";

beforeAll(async () => {
  const security = await app.as("security");
  const [user] = await app.sql`select id::text from users where email = ${EMAILS.security}`;
  actor = { type: "user", id: user?.id, email: EMAILS.security, role: "SECURITY" };
  userId = (await app.sql`select id::text from users where email = ${EMAILS.admin}`)[0]?.id;
  const { data, errors } = await security.run(RECORD, { input: { ...forged, userId } });
  expect(errors).toBeUndefined();
  const { securityEvent } = data.recordSecurityEvent;
  expect(securityEvent.reportedBy).toEqual(actor);
  id = securityEvent.id;
});

const found = async (filter: object) => {
  const { data, errors } = await (await app.as("admin")).run(LIST, { filter });
  expect(errors).toBeUndefined();
  return data.securityEvents.nodes as { id: string; reportedBy: unknown }[];
};

it("a sign-in that somebody reports is told from one that Postern saw", async () => {
  await app.as("admin");
  // The demo's are nobody's.
  const demo = { reportedBy: { contains: { name: "demo" } } };
  const signedIn = { eventType: { eq: "authn_login_success" }, userId: { eq: userId }, not: demo };
  expect(await found(signedIn)).toHaveLength(2);
  const [own, ...others] = await found({ ...signedIn, reportedBy: { isNull: true } });
  expect(others).toEqual([]);
  expect(own).toMatchObject({ reportedBy: null });
  expect(own?.id).not.toBe(id);
  for (const reportedBy of [{ isNull: false }, { contains: { id: actor.id } }, { contains: actor }]) {
    expect(await found({ ...signedIn, reportedBy })).toMatchObject([{ id, reportedBy: actor }]);
  }
  expect(await found({ ...signedIn, reportedBy: { contains: { id: "0" } } })).toEqual([]);
});

it("whatever Postern itself records has nobody who reports it", async () => {
  const since = (await app.sql`select max(id)::text as id from security_events`)[0]?.id;
  const viewer = await app.as("viewer");
  await viewer.run("{ auditLogs { totalCount } }");
  await expect(signIn(app.anonymous, EMAILS.viewer, "wrong")).rejects.toThrow();
  const refresh = "mutation($t: String!) { refreshSession(input: { refreshToken: $t }) { accessToken } }";
  const { refreshToken } = await signIn(app.anonymous, EMAILS.analyst);
  await app.anonymous.run(refresh, { t: refreshToken });
  await app.anonymous.run(refresh, { t: "unknown" });
  await app.anonymous.run("mutation($t: String!) { signOut(input: { refreshToken: $t }) { signedOut } }", {
    t: (await signIn(app.anonymous, EMAILS.dba)).refreshToken,
  });
  const own =
    await app.sql`select distinct event_type, reported_by from security_events where id > ${since} order by 1`;
  expect(own).toEqual(
    ["authn_login_fail", "authn_login_success", "authz_fail", "session_expired", "session_renewed"].map(
      (event_type) => ({
        event_type,
        reported_by: null,
      }),
    ),
  );
});

it("nobody says for himself who reports it", async () => {
  const security = await app.as("security");
  const before = await app.sql`select count(*) as n from security_events`;
  const { code, status } = await security.run(RECORD, { input: { ...forged, reportedBy: null } });
  expect([code, status]).toEqual(["BAD_USER_INPUT", 400]);
  expect(await app.sql`select count(*) as n from security_events`).toEqual(before);
});

it("the migration finds out who recorded the events of before", async () => {
  const before = await app.sql`select id::text, reported_by from security_events order by id`;
  expect(new Set(before.map(({ reported_by }) => reported_by?.type))).toEqual(new Set(["user", "system", undefined]));
  await app.sql`update security_events set reported_by = null`;
  const migration = readFileSync(new URL("../../../../drizzle/0005_evidence.sql", import.meta.url), "utf8");
  const updates = migration.split("--> statement-breakpoint").filter((statement) => /^UPDATE/m.test(statement));
  expect(updates).toHaveLength(2);
  for (const update of updates) await app.sql.unsafe(update);
  expect(await app.sql`select id::text, reported_by from security_events order by id`).toEqual(before);
});
