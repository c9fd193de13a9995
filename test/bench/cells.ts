/** The main measurement: every server in every workload, in rounds with fresh processes and a rotating order. */
import { removeInserted, requireEqualAnswers } from "./answers.js";
import { BENCH } from "./databases.js";
import { type Cell, measure } from "./measure.js";
import type { Run } from "./run.js";
import type { Server } from "./servers.js";
import { requestsOf, type ServerName, type Workload } from "./workloads.js";

export interface MeasuredCell extends Cell {
  /** Cells of one pass stand beside each other in time: every round has as many as there are turns. */
  readonly pass: number;
  readonly server: ServerName;
  readonly workload: Workload;
}

/** A fresh process compiles what it runs often: what is measured first must not pay that for the others. */
async function runIn({ options, cluster }: Run, servers: readonly Server[]): Promise<void> {
  const { connections, warmup: seconds, workloads } = options;
  for (const server of servers) {
    for (const workload of workloads) {
      await measure(server, requestsOf(server.name, workload), { connections, seconds }, cluster.pid);
    }
  }
}

/** Answers must be equal in each round; the floor is what they are compared with, measured or not. */
export async function measureCells(run: Run): Promise<MeasuredCell[]> {
  const { options, cluster, start, record } = run;
  const { servers: names, workloads, rounds, turns } = options;
  const cells: MeasuredCell[] = [];
  for (let round = 0; round < rounds; round++) {
    const servers: Server[] = [];
    for (const name of names) servers.push(await start(name));
    const floor = servers.find(({ name }) => name === "floor") ?? (await start("floor"));
    await requireEqualAnswers(cluster, floor, servers, workloads);
    if (!servers.includes(floor)) await floor.stop();
    await runIn(run, servers);
    await removeInserted(cluster);
    await cluster.asSuperuser(BENCH.name, (sql) => sql.unsafe("checkpoint"));
    for (let turn = 0; turn < turns; turn++) {
      const pass = round * turns + turn + 1;
      for (const [at, workload] of workloads.entries()) {
        for (let next = 0; next < servers.length; next++) {
          const server = servers[(next + at + pass) % servers.length]!;
          const cell = await measure(server, requestsOf(server.name, workload), options, cluster.pid);
          if (workload === "W4") await removeInserted(cluster);
          cells.push({ pass, server: server.name, workload, ...cell });
          record("cell", { pass, server: server.name, workload, ...cell });
        }
      }
    }
    for (const server of servers) await server.stop();
  }
  return cells;
}
