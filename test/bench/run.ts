/** One run of the benchmark: its options, its database, the servers it starts, and what it records. */
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import type { BenchCluster } from "./cluster.js";
import { BENCH } from "./databases.js";
import type { Options } from "./options.js";
import { Server, type StartOptions } from "./servers.js";
import type { ServerName } from "./workloads.js";

export interface Run {
  readonly options: Options;
  readonly cluster: BenchCluster;
  /** For what is not the database: logs, results, profiles. */
  readonly folder: string;
  start(name: ServerName, more?: Partial<StartOptions> & { readonly database?: string }): Promise<Server>;
  /** Tells whoever watches, and appends a line of JSON to the results. */
  record(kind: string, values: Readonly<Record<string, unknown>>): void;
}

const shown = (value: unknown) => (typeof value === "number" ? Number(value.toPrecision(4)) : value);

/** @param rootOfBefore where the commit before is built */
export function createRun(options: Options, cluster: BenchCluster, folder: string, rootOfBefore?: string): Run {
  const startedAt = new Date().toISOString();
  return {
    options,
    cluster,
    folder,
    start: (name, { database = BENCH.name, ...more } = {}) =>
      Server.start(name, {
        databaseUrl: cluster.url(database),
        folder,
        root: name === "before" ? rootOfBefore : undefined,
        ...more,
      }),
    record(kind, values) {
      console.error(kind, ...Object.entries(values).map(([name, value]) => `${name}=${shown(value)}`));
      appendFileSync(join(folder, "results.jsonl"), `${JSON.stringify({ run: startedAt, kind, ...values })}\n`);
    },
  };
}
