/** Whether all servers answer the same, before anything is measured. */
import { isDeepStrictEqual } from "node:util";
import type { BenchCluster } from "./cluster.js";
import { dataSet } from "./data-set.js";
import { BENCH } from "./databases.js";
import type { Server } from "./servers.js";
import { answerOf, requestsOf, valuesOf, type Workload } from "./workloads.js";

const CHECKED = 25;
const SCANS = dataSet(1).find(({ table }) => table === "scans")!.rows;

async function answersOf(server: Server, workload: Workload): Promise<unknown[]> {
  const requests = requestsOf(server.name, workload);
  const step = requests.length / CHECKED;
  const answers: unknown[] = [];
  for (let index = 0; index < CHECKED; index++) {
    answers.push(answerOf(server.name, workload, await server.ask(requests[index * step]!)));
  }
  return answers;
}

/** What the database says of the scans that the answers to W4 name. */
async function insertedScans(cluster: BenchCluster, answers: readonly unknown[]): Promise<unknown[]> {
  const ids = answers.map((answer) => (answer as { id?: string } | null)?.id ?? "0");
  const rows = await cluster.asSuperuser(
    BENCH.name,
    (sql) => sql`
      select s.id::text, s.status, o.name, s.organization_id::text as "organizationId", s.target_url as "targetUrl",
        s.scan_type as "scanType"
      from scans s join organizations o on o.id = s.organization_id where s.id in ${sql(ids)} and s.id > ${SCANS}`,
  );
  const values = valuesOf("W4");
  return ids.map((id, index) => {
    const row = rows.find((each) => each.id === id);
    const { organizationId, targetUrl, scanType } = values[(index * values.length) / CHECKED]!;
    const written = [row?.organizationId, row?.targetUrl, row?.scanType];
    if (!isDeepStrictEqual(written, [organizationId, targetUrl, scanType]))
      return "a scan with the values of the request";
    return { id, organization: { name: row?.name }, status: "PENDING" };
  });
}

/** @throws Error with the first answer that differs from the floor's, or from what W4 left in the database */
export async function requireEqualAnswers(
  cluster: BenchCluster,
  floor: Server,
  servers: readonly Server[],
  workloads: readonly Workload[],
): Promise<void> {
  for (const workload of workloads) {
    const expected = workload === "W4" ? undefined : await answersOf(floor, workload);
    for (const server of new Set([floor, ...servers])) {
      const answers = await answersOf(server, workload);
      const wanted = expected ?? (await insertedScans(cluster, answers));
      const at = answers.findIndex((answer, index) => !isDeepStrictEqual(answer, wanted[index]));
      if (at < 0) continue;
      const [got, want] = [answers[at], wanted[at]].map((value) => JSON.stringify(value)?.slice(0, 1500));
      throw new Error(`${workload}: ${server.name} answers\n${got}\nwhere it should be\n${want}`);
    }
  }
}

/** Removes what W4 inserted, and the audit records of it. */
export async function removeInserted(cluster: BenchCluster): Promise<void> {
  await cluster.asSuperuser(BENCH.name, async (sql) => {
    // The audit log refuses to be emptied, which is a trigger's doing.
    await sql.unsafe("set session_replication_role = replica");
    await sql.unsafe("truncate audit_logs");
    await sql.unsafe(`delete from scans where id > ${SCANS}`);
    await sql.unsafe("vacuum (analyze) scans");
  });
}
