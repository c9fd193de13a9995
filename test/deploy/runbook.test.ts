/** The commands of deploy/runbook.md, as they are written, on an embedded database and on a given one. */
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import postgres from "postgres";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { startEmbedded } from "../../src/cli/embedded.js";
import { createLog } from "../../src/log.js";
import { isDeep } from "../support/deep.js";
import { emptyDatabase } from "../support/empty-database.js";
import { ask, ensureBuilt, oneInstance, signIn, startPostern } from "../support/postern.js";
import { useSandbox } from "../support/sandbox.js";
import { codeBelow, isThere, ROOT, runShell } from "./texts.js";

const sandbox = useSandbox();
vi.setConfig({ testTimeout: 180_000, hookTimeout: 60_000 });
beforeAll(ensureBuilt);

const EMAIL = "ada@example.org";
const PASSWORD = "four random words of ours";
const LATER_MIGRATION = "insert into drizzle.__drizzle_migrations (hash, created_at) values ('later', 9999999999999)";

/** Starts Postern, works with an administrator's token, and stops it. */
async function withPostern<T>(environment: Record<string, string>, work: (url: string, token: string) => Promise<T>) {
  const given = { DEMO: "false", ADMIN_EMAIL: EMAIL, ADMIN_PASSWORD: PASSWORD, ...environment };
  const postern = startPostern(sandbox.path, given);
  const { url } = await postern.ready();
  const result = await work(url, await signIn(url, EMAIL, given.ADMIN_PASSWORD));
  postern.kill("SIGTERM");
  expect(await postern.ended()).toBe(0);
  return result;
}

const create = (name: string) => (url: string, token: string) =>
  ask(
    url,
    `mutation { createOrganization(input: { name: "${name}", domain: "${name}.example" }) { organization { id } } }`,
    token,
  );
const names = async (url: string, token: string): Promise<string[]> =>
  (await ask(url, "{ organizations { nodes { name } } }", token)).organizations.nodes.map(
    ({ name }: { name: string }) => name,
  );

async function expectRefusal(environment: Record<string, string>): Promise<void> {
  const older = startPostern(sandbox.path, environment);
  expect(await older.ended()).toBe(65);
  expect(older.output()).toMatch(/^Postern cannot start: A newer Postern has migrated this database\. .+\n$/);
}

test("git leaves alone what the runbook backs up to", async () => {
  if (!(await isThere(`git -C '${ROOT}' rev-parse`))) return;
  const blocks = (await codeBelow("runbook.md", "Back up and restore")).join("");
  const [dump, copy] = [/--file=(\S+)/, /^BACKUP="([\w-]+)\$/m].map((pattern) => pattern.exec(blocks)?.[1]);
  for (const path of [dump, `${copy}20261201T093000/database`])
    expect(await runShell(`git check-ignore ${path}`, { cwd: ROOT })).toBe(`${path}\n`);
});

describe.runIf(isDeep)("the runbook", () => {
  test("of a data folder: back up, upgrade, roll back, a lost administrator, start over", async () => {
    const env = { DATA_DIR: join(sandbox.path, "data"), LOCAL_INSTANCES: oneInstance(false) };
    const shell = (text: string) => runShell(text, { cwd: sandbox.path, env });
    const [backUp, restore] = await codeBelow("runbook.md", "Back up and restore");
    const copies = async () => (await readdir(sandbox.path)).filter((name) => name.startsWith("postern-backup")).sort();
    await withPostern(env, create("first"));
    await shell(backUp!);
    await withPostern(env, create("before"));
    await shell(backUp!);
    await withPostern(env, create("after"));
    const [, newest, ...others] = await copies();
    expect(others).toEqual([]);

    const database = await startEmbedded({ dataDir: env.DATA_DIR, log: createLog("silent") });
    const sql = postgres({ ...database.options, max: 1 });
    await sql.unsafe(LATER_MIGRATION);
    await sql.end();
    await database.stop();
    await expectRefusal(env);
    // A name that is not replaced removes nothing.
    await expect(shell(restore!)).rejects.toThrow();
    await shell(restore!.replace("PASTE-THE-NAME-OF-THE-COPY", newest!));
    const kept = ["before", "first"];
    expect(await withPostern(env, names)).toEqual(kept);

    const [giveBack] = await codeBelow("runbook.md", "A lost administrator");
    const lost = () => runShell(giveBack!, { cwd: ROOT, env: { ...env, LOG_LEVEL: "error" } });
    const busy = await withPostern(env, () => lost().catch((error) => error));
    expect([busy.code, busy.stdout]).toEqual([75, expect.stringContaining("Another Postern uses the data folder")]);
    const [, password] = / {2}password: (\S+) /.exec(await lost())!;
    expect(await withPostern({ ...env, ADMIN_PASSWORD: password! }, names)).toEqual(kept);

    const [startOver] = await codeBelow("runbook.md", "Start over");
    await shell(startOver!);
    expect(await withPostern(env, names)).toEqual([]);
  });

  test("of a given database: back up, upgrade, roll back, start over", async () => {
    if (!(await isThere("command -v pg_dump && command -v pg_restore && command -v psql"))) return;
    const { sql, environment } = await emptyDatabase();
    const shell = (text: string) => runShell(text, { cwd: sandbox.path, env: environment });
    const [, , backUp, restore] = await codeBelow("runbook.md", "Back up and restore");
    const [, empty] = await codeBelow("runbook.md", "Start over");
    await withPostern(environment, async (url, token) => {
      await shell(backUp!);
      await create("before")(url, token);
      await shell(backUp!);
      const { mode } = await stat(join(sandbox.path, "postern.dump"));
      expect(mode & 0o777, "a dump holds what nobody else may read").toBe(0o600);
      await create("after")(url, token);
    });
    await sql.unsafe(LATER_MIGRATION);
    await expectRefusal(environment);
    await shell(empty!);
    await shell(restore!);
    expect(await withPostern(environment, names)).toEqual(["before"]);
    await shell(empty!);
    expect(await withPostern(environment, names)).toEqual([]);
  });
});
