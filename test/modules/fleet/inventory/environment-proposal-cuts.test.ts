/** The session of a confirmation is ended at each of its moments, as when Postern is killed: it counts whole and on record, or not at all. */
import { beforeAll, expect, it } from "vitest";
import { type Client, testApp } from "../../../support/app.js";
import { decide, secondAdmin } from "../../../support/fleet-app.js";
import { scriptedProvider } from "../../../support/scripted-provider.js";

const provider = scriptedProvider();
provider.add("mapped", { tags: [] });
provider.add("labor-01", { tags: [] });

const app = testApp({}, async () => [provider]);
let admin: Client;
let other: Client;
beforeAll(async () => {
  [admin, other] = await Promise.all([app.as("admin"), secondAdmin(app)]);
  await app.sql`create sequence moments`;
  await app.sql`create table cut (at bigint)`;
  await app.sql.unsafe(`
    create function cut() returns trigger language plpgsql security definer set search_path = public as $$ begin
      if nextval('moments') = (select at from cut) then perform pg_terminate_backend(pg_backend_pid(), 60000); end if;
      return new;
    end $$`);
  const written = ["environment_mappings", "environment_rules", "instances", "findings", "environment_proposals"];
  for (const moment of ["before", "after"]) {
    for (const table of written)
      await app.sql.unsafe(
        `create trigger z_${moment} ${moment} insert or update on ${table} for each row execute function cut()`,
      );
    await app.sql.unsafe(`
      create trigger z_${moment} ${moment} insert on audit_logs for each row
      when (new.success and new.action in ('environment-proposal.decide', 'instance.changeEnvironment')) execute function cut()`);
  }
  await app.sql`
    create constraint trigger z_commit after update on environment_proposals deferrable initially deferred
    for each row execute function cut()`;
});

/** Before and after each write: the mapping or rules, the instance, its record, its finding, the proposal, the record. And the commit. */
const MOMENTS = 13;

it.each([
  [
    "a mapping",
    "mapped",
    `setEnvironmentMapping(input: { instanceId: "mapped", environment: TEST, reason: "It is one." })`,
  ],
  [
    "rules",
    "labor-01",
    `setEnvironmentRules(input: { rules: { values: [{ environment: TEST, words: ["labor"] }] }, reason: "It is one." })`,
  ],
])("%s", async (_what, identifier, mutation) => {
  await app.sql`delete from cut`;
  const { data } = await admin.run(`mutation { made: ${mutation} { proposal { id } } }`);
  const { id } = data.made.proposal;
  const state = async () => {
    const [row] = await app.sql`
      select i.environment, p.status,
        (select count(*) from environment_mappings)::int + (select count(*) from environment_rules)::int as grounds,
        (select count(*) from findings f where f.instance_id = i.id and f.resolved_at is null)::int as findings,
        (select count(*) from audit_logs where action = 'instance.changeEnvironment' and resource_id = i.id::text)::int as changes,
        (select count(*) from audit_logs where action = 'environment-proposal.decide' and resource_id = ${id} and success)::int as records
      from instances i, environment_proposals p where i.identifier = ${identifier} and p.id = ${id}`;
    return row;
  };
  const before = await state();
  expect(before).toMatchObject({ environment: "PRODUCTION", status: "WAITING", changes: 0, records: 0 });
  for (let at = 1; at <= MOMENTS; at++) {
    await app.sql`delete from cut`;
    await app.sql`select setval('moments', 1, false)`;
    await app.sql`insert into cut values (${at})`;
    const { code } = await decide(other, id);
    expect(code, `at ${at}`).toBe("UNAVAILABLE");
    expect(await state(), `at ${at}`).toEqual(before);
  }
  await app.sql`update cut set at = 0`;
  await app.sql`select setval('moments', 1, false)`;
  expect((await decide(other, id)).errors).toBeUndefined();
  expect(await app.sql`select last_value::int as moments from moments`).toEqual([{ moments: MOMENTS }]);
  expect(await state()).toEqual({
    ...{ environment: "TEST", status: "CONFIRMED", grounds: before?.grounds + 1, changes: 1, records: 1 },
    findings: before?.findings - 1,
  });
});
