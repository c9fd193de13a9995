/** The end of a log, as people see it: so many lines, whole ones, and no secrets in whatever form PostgreSQL writes them. */
import { mkdir, mkdtemp, rm, rmdir, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { lastComplaintInLog, logTail, withoutSecretsOfLog } from "../../src/postgres/log-tail.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "postern-test-"));
});
afterAll(() => rm(folder, { recursive: true }));

const written = async (text: string) => {
  const logFile = join(folder, "postgres.log");
  await writeFile(logFile, text);
  return { logFile };
};

test.each([
  "STATEMENT:  alter role a password 'geheim'",
  "STATEMENT:  create role a login password E'ge\\'heim geheim' superuser",
  "STATEMENT:  alter role a encrypted password 'it''s geheim'",
  "STATEMENT:  alter user a password $x$geheim$x$",
  "STATEMENT:  alter role a password 'geheim\n  geheim'",
  "STATEMENT:  alter role a password 'geheim, which is cut off",
  "LOG:  primary_conninfo = 'host=x password=geheim user=y'",
  'DETAIL:  {"password": "geheim", "a": 1}',
  "FATAL:  could not connect to postgres://me:geheim@db.example/app",
  "DETAIL:  api_token=geheim",
  "STATEMENT:  create subscription s connection 'host=a passwd=geheim'",
  "-----BEGIN PRIVATE KEY-----\ngeheim\n-----END PRIVATE KEY-----",
  "DETAIL:  SCRAM-SHA-256$4096:geheim",
  "LOG:  as known: known-geheim",
])("what is secret does not show: %s", (line) => {
  const shown = withoutSecretsOfLog(`before\n${line}\nafter`, ["known-geheim"]);
  expect(shown).not.toContain("geheim");
  expect(shown).toContain("before\n");
  expect(shown).toContain("[redacted]");
});

test.each([
  'FATAL:  password authentication failed for user "postern_replication"',
  "LOG:  connecting to http://db.example:5432/app, or to postgres://db.example:5432",
])("what is no secret stays: %s", (line) => {
  expect(withoutSecretsOfLog(line)).toBe(line);
});

test.each(["a-", "a://:", "://", "a://b:c@", "password '", "password $a$", "token=", "-----BEGIN ", "''\\"])(
  "a log full of %j, which a database user may write, takes no time",
  (part) => {
    const begun = performance.now();
    withoutSecretsOfLog(part.repeat(262_144 / part.length));
    expect(performance.now() - begun).toBeLessThan(2000);
  },
);

test("the last whole lines of a long log, each of a bounded length, and none of what is no log", async () => {
  const log = await written(
    `${Array.from({ length: 50_000 }, (_, n) => `line ${n}`).join("\n")}\n${"x".repeat(5000)}\n`,
  );
  const [first, second, last] = await logTail(log, 3);
  expect([first, second]).toEqual(["line 49998", "line 49999"]);
  expect(last).toHaveLength(2000);
  const all = await logTail(log, 1_000_000);
  expect(all.length).toBeLessThan(40_000);
  expect(all[0]).toMatch(/^line \d{5}$/);
  await rm(log.logFile);
  expect(await logTail(log, 3)).toEqual([]);
  await symlink("/etc/passwd", log.logFile);
  expect(await logTail(log, 3), "a link is not followed").toEqual([]);
  await rm(log.logFile);
  await mkdir(log.logFile);
  expect(await logTail(log, 3), "a folder is none").toEqual([]);
  await rmdir(log.logFile);
});

test("the last complaint is told without its time and process", () => {
  const lines = ["2026 UTC [1] FATAL:  first", "2026 UTC [1] PANIC:  second", "2026 UTC [1] LOG:  third"];
  expect(lastComplaintInLog(lines)).toBe("PANIC: second");
  expect(lastComplaintInLog(["LOG:  nothing"])).toBeNull();
});
