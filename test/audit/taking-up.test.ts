/** Records that wait in the folder come into the database whatever happens meanwhile, and what is lost of them is counted once. */
import { hash, randomUUID } from "node:crypto";
import { copyFile, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it, vi } from "vitest";
import { testApp } from "../support/app.js";
import { both, recorded, refuse, stateOf } from "../support/refusals.js";

const app = testApp();
const folder = join(app.folder, "records");
const AWAY = "the database takes no records: they wait in the folder";

/** @returns the file with the records of so many refusals, which the database does not take before `meanwhile` is over */
async function whileHidden(mark: string, count: number, meanwhile: (file: string) => Promise<unknown>) {
  const viewer = await app.as("viewer");
  await app.sql`alter table audit_logs rename to audit_logs_hidden`;
  try {
    const answers = await refuse(viewer, mark, count);
    expect(answers.map(({ code }) => code)).toEqual(Array(count).fill("FORBIDDEN"));
    const [name = ""] = (await readdir(folder)).filter((each) => !each.endsWith(".damaged"));
    await meanwhile(join(folder, name));
  } finally {
    await app.sql`alter table audit_logs_hidden rename to audit_logs`;
  }
}

/** Runs for the rows that come into the table of audit records while its name is hidden. */
const trigger = (timing: string, body: string) =>
  app.sql.unsafe(`
    create or replace function of_test() returns trigger language plpgsql as $$ begin ${body} end $$;
    create trigger of_test ${timing} execute function of_test()`);
const dropTrigger = () => app.sql`drop trigger of_test on audit_logs`;

const allTakenUp = () => vi.waitFor(async () => expect((await stateOf(app.url)).waiting).toBe(0), 15_000);
it("a database that seems away while what waits is taken up is asked again", async () => {
  const viewer = await app.as("viewer");
  await app.sql`create table full_for_test (n int)`;
  await app.sql`insert into full_for_test values (1)`;
  await whileHidden("held", 1, async (file) => {
    // Together they take longer than it takes until the database is asked again.
    for (let n = 1; n < 9; n++)
      await copyFile(
        file,
        file.replace(/.(?=\.jsonl$)/, (last) => `${last}${n}`),
      );
    await trigger(
      "before insert on audit_logs_hidden for each row",
      `if new.request_id like 'meanwhile-%' then
        if exists (select from full_for_test) then raise 'full' using errcode = '53100'; end if;
      else perform pg_sleep(0.4); end if;
      return new;`,
    );
  });
  const taken = async () => (await recorded(app, "held")).audit;
  await vi.waitFor(async () => expect(await taken()).toEqual(["held-0"]), { interval: 5, timeout: 10_000 });
  app.log.length = 0;
  expect((await refuse(viewer, "meanwhile", 1))[0]?.code).toBe("FORBIDDEN");
  expect(app.log.filter(({ msg }) => msg === AWAY)).toHaveLength(1);
  await app.sql`delete from full_for_test`;
  await allTakenUp();
  await dropTrigger();
  for (const mark of ["held", "meanwhile"]) expect(await recorded(app, mark)).toEqual(both(mark, 1));
});

it("what waits is taken up in parts, however much it is", async () => {
  await whileHidden("parts", 1, async (file) => {
    const audit = (await readFile(file, "utf8")).split("\n").find((line) => line.includes(" auditLogs "));
    const { recordId, ...row } = JSON.parse(audit!.slice(audit!.indexOf("{")));
    const lines = Array.from({ length: 1200 }, () => `auditLogs ${JSON.stringify({ ...row, recordId: randomUUID() })}`);
    expect(recordId).toBeTruthy();
    const sealed = lines.map((line) => `${hash("sha256", line).slice(0, 16)} ${line}\n`);
    await writeFile(file, (await readFile(file, "utf8")) + sealed.join(""));
    await trigger(
      "after insert on audit_logs_hidden referencing new table as added for each statement",
      "if (select count(*) from added) > 500 then raise 'too slow' using errcode = '57014'; end if; return null;",
    );
  });
  await allTakenUp();
  await dropTrigger();
  expect(await app.sql`select count(*)::int as n from audit_logs where request_id = 'parts-0'`).toEqual([{ n: 1201 }]);
});

it("a loss is counted once, however often the rest is tried", async () => {
  const { lost } = await stateOf(app.url);
  app.log.length = 0;
  await whileHidden("once", 2, async (file) => {
    const text = await readFile(file, "utf8");
    await writeFile(file, `${text.split("\n")[0]?.replace("once-", "forged-")}\n${text}`);
    await trigger(
      "before insert on audit_logs_hidden for each row",
      "raise 'full' using errcode = '53100'; return new;",
    );
  });
  await vi.waitFor(() => expect(app.log.filter(({ msg }) => msg === AWAY).length).toBeGreaterThanOrEqual(4), {
    timeout: 15_000,
  });
  expect((await stateOf(app.url)).lost - lost).toBe(0);
  await dropTrigger();
  await allTakenUp();
  expect((await stateOf(app.url)).lost - lost).toBe(1);
  expect(await recorded(app, "once")).toEqual(both("once", 2));
  for (const name of await readdir(folder)) await rm(join(folder, name));
});
