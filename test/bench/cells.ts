/** The main measurement: every server in every workload, in rounds with fresh processes and a rotating order. */
import { removeInserted, requireEqualAnswers } from "./answers.js";
import { BENCH } from "./cluster.js";
import { type Cell, measure } from "./measure.js";
import type { Run } from "./run.js";
import type { Server } from "./servers.js";
import { requestsOf, type ServerName, type Workload } from "./workloads.js";

export interface MeasuredCell extends Cell {
  readonly round: number;
  readonly server: ServerName;
  readonly workload: Workload;
}

/** Answers must be equal in each round; the floor is what they are compared with, measured or not. */
export async function measureCells({ options, cluster, start, record }: Run): Promise<MeasuredCell[]> {
  const cells: MeasuredCell[] = [];
  const { servers: names, workloads, rounds } = options;
  for (let round = 1; round <= rounds; round++) {
    const servers: Server[] = [];
    for (const name of names) servers.push(await start(name));
    const floor = servers.find(({ name }) => name === "floor") ?? (await start("floor"));
    await requireEqualAnswers(cluster, floor, servers, workloads);
    if (!servers.includes(floor)) await floor.stop();
    // A fresh process compiles what it runs often: the first workload must not pay that for the others.
    for (const server of servers) {
      for (const workload of workloads) {
        await measure(
          server,
          requestsOf(server.name, workload),
          { ...options, seconds: options.warmup, warmup: 0 },
          cluster.pid,
        );
      }
    }
    await removeInserted(cluster);
    await cluster.asSuperuser(BENCH.name, (sql) => sql.unsafe("checkpoint"));
    for (const [at, workload] of workloads.entries()) {
      for (let turn = 0; turn < servers.length; turn++) {
        const server = servers[(turn + at + round) % servers.length]!;
        const cell = await measure(server, requestsOf(server.name, workload), options, cluster.pid);
        if (workload === "W4") await removeInserted(cluster);
        cells.push({ round, server: server.name, workload, ...cell });
        record("cell", { round, server: server.name, workload, ...cell });
      }
    }
    for (const server of servers) await server.stop();
  }
  return cells;
}
