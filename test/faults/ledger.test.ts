/** The ledger sees what it is there for: each way in which rows and records can disagree with what was acknowledged. */
import { expect, it } from "vitest";
import { PASSWORD, testApp } from "../support/app.js";
import { startWriting } from "./writers.js";

const app = testApp();

it("agrees with what was done, and names what is missing, doubled or half done", async () => {
  const writing = await startWriting({
    ...{ url: () => app.url, signInAt: app.url, mark: "ledger", password: PASSWORD, patienceMs: 20_000 },
  });
  await writing.acknowledged(60);
  await writing.stop();
  const { ledger } = writing;
  expect(ledger.lost()).toEqual([]);
  expect(await ledger.disagreements(app.sql)).toEqual([]);

  const of = (action: string, skip = 0) =>
    ledger.calls.filter((call) => call.action === action && call.answer.is === "acknowledged")[skip]!.requestId;
  const scanOf = (subject: string) => `(select id from scans where target_url = 'https://${subject}.example/' limit 1)`;
  const kept = ledger.calls.findLast(({ action, answer }) => action === "createMany" && answer.is === "acknowledged")!;
  const copy = (id: string, success: boolean) => `
    insert into audit_logs (actor, action, resource_type, success, request_id, resource_id)
    select actor, action, resource_type, ${success}, request_id, resource_id from audit_logs where request_id = '${id}'`;
  const survivor = (
    await app.sql`
    select split_part(split_part(target_url, '.', 1), '//', 2) as subject from scans
    where target_url like 'https://ledger-%' and vulnerabilities_found = 3 limit 1`
  )[0]!.subject as string;
  for (const [harm, fault] of [
    [`delete from scans where id = ${scanOf(kept.subject)}`, /: 2 rows instead of 3$/],
    [`update scans set scan_type = 'ANOTHER' where id = ${scanOf(survivor)}`, /holds ANOTHER instead of ledger-/],
    [
      `delete from vulnerabilities where id = (select min(id) from vulnerabilities where scan_id = ${scanOf(survivor)})`,
      /left 2 vulnerabilities instead of 3$/,
    ],
    [
      `update scans set vulnerabilities_found = 7 where id = ${scanOf(survivor)}`,
      /counts 7 vulnerabilities and has 3$/,
    ],
    [copy(of("update"), true), /update \(acknowledged\): 2 audit records that it was done$/],
    [copy(of("update"), false), /update \(acknowledged\): 1 audit records that it was not done$/],
    [
      `update scans set target_url = 'https://ledger-999999.example/' where id = ${scanOf(survivor)}`,
      /^ledger-999999: something is there/,
    ],
    [
      `update security_events set metadata = '{}' where metadata->>'requestId' = '${of("signIn")}'`,
      /signIn \(acknowledged\): 0 events of it$/,
    ],
    [
      `update audit_logs set request_id = null where request_id = '${of("create")}'`,
      /create \(acknowledged\): 0 audit records that it was done$/,
    ],
    [`update audit_logs set resource_id = '0' where request_id = '${of("create")}'`, /the record 0$/],
  ] as const) {
    await app.sql
      .begin(async (sql) => {
        // Nobody but a test changes evidence.
        for (const table of ["audit_logs", "scans", "vulnerabilities"]) {
          await sql.unsafe(`alter table ${table} disable trigger user`);
        }
        await sql.unsafe(harm);
        expect(await ledger.disagreements(sql as never), harm).toContainEqual(expect.stringMatching(fault));
        throw new Error("undone");
      })
      .catch((error: Error) => expect(error.message).toBe("undone"));
  }
});
