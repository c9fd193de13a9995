/** Changes by filter, for their tests: how they are sent, what they record, and rows of a kind of their own. */
import { type Answer, type Somebody, testApp } from "./app.js";

export const code = (answer: Answer) => [answer.code, answer.status, answer.errors?.[0]?.extensions.field];

export const kindIs = (kind: string) => ({ scanType: { eq: kind } });

/** Starts an app for the calling file. */
export function useChangesByFilter() {
  const app = testApp();
  let calls: number = 0;
  const run = async (
    who: Somebody,
    verb: "update" | "delete",
    names: string,
    selection: string,
    input: object,
  ): Promise<Answer> =>
    (await app.as(who)).run(
      `mutation($input: ${verb === "update" ? "Update" : "Delete"}${names}Input!) { ${verb}${names}(input: $input) { ${selection} } }`,
      { input },
      { "x-request-id": `filter.${++calls}` },
    );
  const records = () => app.sql`
    select action, resource_id, result, success, parameters from audit_logs where request_id = ${`filter.${calls}`}`;
  /** Scans of the first organization of a kind of their own. @returns their ids */
  async function scans(kind: string, count: number): Promise<string[]> {
    const rows = await app.sql`
      insert into scans (organization_id, target_url, scan_type)
      select 1, 'https://f.example/' || n, ${kind} from generate_series(1, ${count}) n returning id::text`;
    return rows.map(({ id }) => id);
  }
  const of = (kind: string) => app.sql`
    select id::text, status, version, target_url from scans where scan_type = ${kind} order by id`;
  async function untilSomebodyWaits(): Promise<void> {
    for (;;) {
      const waiting = await app.sql`
        select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
      if (waiting.length > 0) return;
    }
  }

  return {
    app,
    run,
    records,
    scans,
    of,
    untilSomebodyWaits,
  };
}
