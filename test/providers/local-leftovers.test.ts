/** What local instances are left with: backends of a dead server, and tablespaces that two servers would share. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { chooseFolder } from "../../src/postgres/folder.js";
import { databaseUser } from "../../src/postgres/os-user.js";
import { findPostmaster } from "../../src/postgres/postmaster.js";
import type { Deed } from "../../src/providers/deed.js";
import type { LocalProvider } from "../../src/providers/local.js";
import { idOf, NEW, query, untilStreaming, useGround, writablePorts } from "../support/ground.js";
import { eventually, processesIn } from "../support/sandbox.js";

const ground = useGround();
let provider: LocalProvider;
let pair: string;
const deeds: Deed[] = [];

beforeAll(async () => {
  provider = await ground.open({ limits: { minFreeBytes: 0 } });
  provider.reportTo(async (deed) => void deeds.push(deed));
  await provider.create({ ...NEW, identifier: "pair", standby: true });
  pair = await idOf(provider, "pair");
});
afterAll(async () => {
  await provider.stopAll();
  expect(await processesIn(ground.path), "processes left behind").toEqual([]);
});

const postmasterOf = (member: string) =>
  findPostmaster(join(ground.path, "fleet/instances", pair, "members", member, "data"));
const done = (action: string) => deeds.filter((deed) => deed.action === action);

test("a killed primary with a busy backend is brought back by a repair, which says what it killed", async () => {
  const busy = query(provider, "pair", (sql) => sql`select count(*) from generate_series(1, 1000000000000)`).catch(
    () => {},
  );
  await query(provider, "pair", (sql) =>
    eventually(async () => {
      const [row] = await sql`select count(*)::int from pg_stat_activity where query like '%generate_series(1, 1%'`;
      return row?.count >= 2;
    }),
  );
  process.kill((await postmasterOf("a"))!.pid, "SIGKILL");
  await eventually(async () => !(await postmasterOf("a")));
  // A start that fails after it has killed them has done so all the same.
  const rules = join(ground.path, "fleet/instances", pair, "members/a/data/pg_hba.conf");
  const text = await readFile(rules, "utf8");
  await writeFile(rules, "nonsense\n");
  await provider.repair();
  expect(await writablePorts(provider, "pair")).toEqual([]);
  await writeFile(rules, text);
  await provider.repair();
  expect(await writablePorts(provider, "pair")).toHaveLength(1);
  expect(done("instance.fenceOrphans")).toEqual([
    {
      providerId: pair,
      by: "repair",
      action: "instance.fenceOrphans",
      result: { member: "pair-a", processes: expect.any(Number) },
      success: true,
    },
  ]);
  await busy;
  await untilStreaming(provider, "pair");
});

test("a tablespace stops the standby, which would write its files too, and is built anew without it", async () => {
  const { path } = await chooseFolder(ground.path, "elsewhere", await databaseUser());
  await query(provider, "pair", (sql) => sql.unsafe(`create tablespace elsewhere location '${path}'`));
  await provider.repair();
  expect(await postmasterOf("b")).toBeUndefined();
  const found = { kind: "tablespace_on_pair", severity: "CRITICAL", detail: expect.stringMatching(/pg_default/) };
  const seen = await provider.describe(pair);
  expect([seen?.status, seen?.findings.filter(({ kind }) => kind === found.kind)]).toMatchObject([
    "available",
    [found],
  ]);
  await provider.repair();
  expect(done("instance.stopStandby")).toHaveLength(1);
  await query(provider, "pair", (sql) => sql`drop tablespace elsewhere`);
  await eventually(async () => {
    await provider.repair();
    return postmasterOf("b");
  }, 20_000);
  await untilStreaming(provider, "pair");
  expect((await provider.describe(pair))!.findings).toEqual([]);
});
