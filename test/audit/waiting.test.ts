/** Records wait in a folder while the database takes none: for a short time, privately, and each comes into the database once. */
import { copyFile, mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, expect, it, vi } from "vitest";
import { PASSWORD, signIn, testApp } from "../support/app.js";
import { both, recorded, refuse, stateOf } from "../support/refusals.js";

const app = testApp();
const folder = join(app.folder, "records");
const files = async () => (await readdir(folder)).map((name) => join(folder, name));

const TABLES = ["audit_logs", "security_events"];
const isAway = { now: false };
/** The database takes no records, for a reason that the first statement tells. */
async function hide() {
  for (const table of TABLES) await app.sql.unsafe(`alter table ${table} rename to ${table}_hidden`);
  isAway.now = true;
}
async function show() {
  for (const table of TABLES) await app.sql.unsafe(`alter table ${table}_hidden rename to ${table}`);
  isAway.now = false;
}
afterEach(async () => {
  if (isAway.now) await show();
});

const allTakenUp = () => vi.waitFor(async () => expect((await stateOf(app.url)).waiting).toBe(0), 10_000);

it("wait while the database takes none, durable and for nobody else to read, and keep their times", async () => {
  const viewer = await app.as("viewer");
  const since = Date.now();
  await hide();
  const answers = await refuse(viewer, "wait", 40);
  const until = Date.now();
  expect(answers.map(({ code }) => code)).toEqual(Array(40).fill("FORBIDDEN"));
  expect(await stateOf(app.url)).toEqual({ waiting: 80, lost: 0 });
  expect((await stat(folder)).mode & 0o777).toBe(0o700);
  for (const file of await files()) expect((await stat(file)).mode & 0o777).toBe(0o600);
  await show();
  await allTakenUp();
  expect(await recorded(app, "wait")).toEqual(both("wait", 40));
  expect(await files()).toEqual([]);
  const [times] = await app.sql`
    select extract(epoch from min(t)) * 1000 as first, extract(epoch from max(t)) * 1000 as last from (
      select timestamp as t from audit_logs where request_id like 'wait-%'
      union all select created_at from security_events where metadata->>'requestId' like 'wait-%') all_records`;
  expect(Number(times?.first)).toBeGreaterThanOrEqual(since);
  expect(Number(times?.last)).toBeLessThanOrEqual(until);
});

it("who signs in learns nothing while that cannot be recorded, whether the password is right or wrong", async () => {
  const attempts = () => app.sql`select id from security_events where event_type like 'authn_login%'`;
  const before = await attempts();
  await hide();
  const answers = await Promise.all(
    ["wrong", PASSWORD].map((password) =>
      app.anonymous.run(
        `mutation { signIn(input: { email: "viewer@demo.example", password: "${password}" }) { accessToken } }`,
      ),
    ),
  );
  await show();
  const [wrong, right] = answers.map(({ status, code, data }) => [status, code, data]);
  expect(wrong).toEqual(right);
  expect(wrong).toEqual([500, "INTERNAL_SERVER_ERROR", { signIn: null }]);
  expect(await attempts()).toEqual(before);
  await expect(signIn(app.anonymous, "viewer@demo.example", "wrong")).rejects.toThrow(/is wrong/);
  expect(
    await app.sql`select count(*)::int as n from security_events where metadata->>'reason' = 'wrong_credentials'`,
  ).toEqual([{ n: 1 }]);
});

it("a database that does not answer keeps nobody waiting for the statement's time-out, and what it does late is no second record", async () => {
  const viewer = await app.as("viewer");
  const refused = await app.sql.begin(async (sql) => {
    await sql`lock table audit_logs, security_events in access exclusive mode`;
    const since = performance.now();
    const answers = await refuse(viewer, "late", 10);
    expect(answers.map(({ code }) => code)).toEqual(Array(10).fill("FORBIDDEN"));
    // One second for the first of them; the time-out of statements is ten.
    expect(performance.now() - since).toBeLessThan(4000);
    expect((await stateOf(app.url)).waiting).toBe(20);
    return answers;
  });
  expect(refused).toHaveLength(10);
  await allTakenUp();
  expect(await recorded(app, "late")).toEqual(both("late", 10));
});

it("a crash between the database and the file, a torn line and a damaged one", async () => {
  const viewer = await app.as("viewer");
  await hide();
  await refuse(viewer, "torn", 5);
  const [file = ""] = await files();
  const text = await readFile(file, "utf8");
  const copy = `${file.slice(0, -6)}0.jsonl`;
  // As a crash leaves it: what was written last is half there.
  await writeFile(copy, text + text.slice(0, text.length >> 2).trimEnd());
  const damaged = `${file.slice(0, -6)}1.jsonl`;
  await writeFile(damaged, `${text.split("\n")[0]?.replace("torn-", "forged-")}\n${text}`);
  await show();
  await allTakenUp();
  const replica = await app.replica();
  await vi.waitFor(
    async () => expect((await files()).filter((name) => !name.endsWith(".damaged"))).toEqual([]),
    10_000,
  );
  expect(await recorded(app, "torn")).toEqual(both("torn", 5));
  expect(await recorded(app, "forged")).toEqual(both("forged", 0));
  // It is left for people to look at, and counted.
  expect(await files()).toEqual([damaged.replace(".jsonl", ".damaged")]);
  expect(app.log.filter(({ msg }) => msg === "records lost")).toMatchObject([{ level: "error", records: 1 }]);
  await replica.stop();
  await rm(damaged.replace(".jsonl", ".damaged"));
});

it("a file that another process has taken up is not written to any more", async () => {
  const viewer = await app.as("viewer");
  await hide();
  await refuse(viewer, "before", 3);
  const [file = ""] = await files();
  // Taken and read, and its reader has died.
  await rename(file, file.replace(".jsonl", ".taken"));
  const text = await readFile(file.replace(".jsonl", ".taken"), "utf8");
  await refuse(viewer, "after", 3);
  await writeFile(file.replace(".jsonl", ".taken"), text);
  await show();
  await allTakenUp();
  const replica = await app.replica();
  await vi.waitFor(async () => expect(await files()).toEqual([]), 10_000);
  expect(await recorded(app, "before")).toEqual(both("before", 3));
  expect(await recorded(app, "after")).toEqual(both("after", 3));
  await replica.stop();
});

it("files of another installation are left alone", async () => {
  const viewer = await app.as("viewer");
  await hide();
  await refuse(viewer, "theirs", 2);
  const [file = ""] = await files();
  const other = join(folder, `00000000-0000-0000-0000-000000000000${file.slice(folder.length + 37)}`);
  await copyFile(file, other);
  const theirs = (await readFile(other, "utf8")).length;
  await show();
  await allTakenUp();
  expect(await recorded(app, "theirs")).toEqual(both("theirs", 2));
  expect(await files()).toEqual([other]);
  expect((await stat(other)).size).toBe(theirs);
  await rm(other);
});

it("a record that the database will never take holds up no other", async () => {
  const viewer = await app.as("viewer");
  const { lost } = await stateOf(app.url);
  await app.sql`alter table audit_logs add check (request_id not like '%-poison') not valid`;
  const send = async (mark: string) => {
    const [answers, [poisoned]] = await Promise.all([
      refuse(viewer, mark, 10),
      refuse({ ...viewer, run: (text, input) => viewer.run(text, input, { "x-request-id": `${mark}-poison` }) }, "", 1),
    ]);
    expect(answers.map(({ code }) => code)).toEqual(Array(10).fill("FORBIDDEN"));
    return poisoned;
  };
  const poisoned = await send("direct");
  expect([poisoned?.code, poisoned?.errors?.[0]?.extensions.outcome]).toEqual(["UNAVAILABLE", "none"]);
  await hide();
  expect((await send("later"))?.code).toBe("FORBIDDEN");
  await show();
  await allTakenUp();
  for (const mark of ["direct", "later"]) {
    const { audit, events } = await recorded(app, mark);
    expect(audit).toEqual(both(mark, 10).audit);
    expect(events).toEqual([...both(mark, 10).events, `${mark}-poison`]);
  }
  expect((await stateOf(app.url)).lost - lost).toBe(2);
});

it.each([
  [
    "the folder is full",
    async () => {
      const file = await open(join(folder, "other"), "w");
      // Sparse: it only looks so large.
      await file.truncate(67_108_864);
      await file.close();
    },
    () => rm(join(folder, "other")),
  ],
  [
    "nothing can be written there",
    async () => {
      await rm(folder, { recursive: true });
      await writeFile(folder, "");
    },
    () => rm(folder),
  ],
])("where %s too, the answer is UNAVAILABLE and tells that nothing was done", async (what, spoil, mend) => {
  const mark = what.replaceAll(" ", "_");
  const [viewer, admin] = [await app.as("viewer"), await app.as("admin")];
  const { lost } = await stateOf(app.url);
  await mkdir(folder, { recursive: true });
  await hide();
  await spoil();
  app.log.length = 0;
  const UNAVAILABLE = [503, "UNAVAILABLE", "none"];
  const ends = ({ status, code, errors }: (typeof answers)[number]) => [status, code, errors?.[0]?.extensions.outcome];
  const answers = await refuse(viewer, mark, 3);
  expect(answers.map(ends)).toEqual([UNAVAILABLE, UNAVAILABLE, UNAVAILABLE]);
  expect(ends(await viewer.run("{ auditLogs { totalCount } }"))).toEqual(UNAVAILABLE);
  // A mutation that fails for another reason.
  const failing = `mutation { deleteScan(input: { id: "999999", version: 1 }) { deletedScanId } }`;
  expect(ends(await admin.run(failing))).toEqual(UNAVAILABLE);
  // Three audit records and their events, an event of a query, one record of a failure.
  expect((await stateOf(app.url)).lost - lost).toBe(3 + 3 + 1 + 1);
  const lines = app.log.filter(({ msg }) => msg === "records lost");
  expect(lines.reduce((sum, { records }) => sum + records, 0)).toBe(8);
  // What needs no record is answered.
  expect((await viewer.run("{ scans { totalCount } }")).errors).toBeUndefined();
  await mend();
  await show();
  await vi.waitFor(async () => expect((await refuse(viewer, `${mark}-again`, 1))[0]?.code).toBe("FORBIDDEN"), 10_000);
  await allTakenUp();
  expect(await recorded(app, `${mark}-again`)).toEqual(both(`${mark}-again`, 1));
  expect((await recorded(app, mark)).audit).toEqual([`${mark}-again-0`]);
  expect(await app.sql`select from scans where target_url = 'https://refused.example/'`).toEqual([]);
});

it("where one mutation of a request was done and the refusal of another can be kept nowhere, the outcome is unknown", async () => {
  const analyst = await app.as("analyst");
  await rm(folder, { recursive: true, force: true });
  await writeFile(folder, "");
  await app.sql`alter table security_events rename to security_events_hidden`;
  const { status, errors } = await analyst.run(`mutation {
    done: createScan(input: { organizationId: "1", targetUrl: "https://done.example/", scanType: "T" }) { scan { id } }
    refused: deleteOrganization(input: { id: "1", version: 1 }) { deletedOrganizationId }
  }`);
  expect([status, errors?.[0]?.extensions.code, errors?.[0]?.extensions.outcome]).toEqual([
    503,
    "UNAVAILABLE",
    "unknown",
  ]);
  expect(await app.sql`select from scans where target_url = 'https://done.example/'`).toHaveLength(1);
  await app.sql`alter table security_events_hidden rename to security_events`;
  await rm(folder);
});
