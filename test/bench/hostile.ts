/** How long another tenant waits for its own small page, alone and beside each hostile load. All is bounded in time and count. */
import { setTimeout as delay } from "node:timers/promises";
import { HOSTILE, type Hostile } from "../support/hostile.js";
import { removeInserted } from "./answers.js";
import type { BenchCluster } from "./cluster.js";
import { ROLE } from "./cluster.js";
import { dataSet } from "./data-set.js";
import { ADMINISTRATOR, BENCH } from "./databases.js";
import { type Asked, forgetPeak, type LoadReport, peakMiB, SETTLING_MS, startLoad } from "./measure.js";
import { rounded, row } from "./report.js";
import type { Run } from "./run.js";
import { createUser, type Server, signIn } from "./servers.js";

const MOST_REQUESTS = 20_000;
/** Distinct bodies of one load: so many, or so many characters. */
const MOST_BODIES = 5000;
const MOST_CHARACTERS = 50_000_000;
const OTHER_CONNECTIONS = 2;
const IDLE_TIMEOUT_MS = 30_000;
const PASSWORD = "hostile-needs-no-secret";
const EVENTS = dataSet(1).find(({ table }) => table === "security_events")!.rows;

const OWN = JSON.stringify({ query: "{ scans(first: 10) { nodes { id status targetUrl organization { name } } } }" });

/** The tenants and the staff of the loads; `other` is the one who waits. */
const ACTORS = {
  viewer: { role: "VIEWER", organizationId: "1" },
  analyst: { role: "ANALYST", organizationId: "1" },
  security: { role: "SECURITY", organizationId: null },
  other: { role: "VIEWER", organizationId: "2" },
} as const;
type Actor = keyof typeof ACTORS;

/** Creates the actors where they are not there from a run before. @returns an access token of each */
export async function signAllIn(server: Server): Promise<Record<Actor, string>> {
  const administrator = await signIn(server.url, ADMINISTRATOR);
  const tokens: [string, string][] = [];
  for (const [name, of] of Object.entries(ACTORS)) {
    const account = { email: `${name}@hostile.example`, password: PASSWORD };
    await createUser(server.url, administrator, { ...account, ...of });
    tokens.push([name, await signIn(server.url, account)]);
  }
  return Object.fromEntries(tokens) as Record<Actor, string>;
}

function bodiesOf({ body }: Hostile): string[] {
  if (body(0) === body(1)) return [body(0)];
  const count = Math.min(MOST_BODIES, Math.floor(MOST_CHARACTERS / body(0).length));
  return Array.from({ length: count }, (_, n) => body(n));
}

/** Until the database does nothing any more that one of the loads has left. */
async function untilIdle(cluster: BenchCluster): Promise<void> {
  const deadline = Date.now() + IDLE_TIMEOUT_MS;
  await cluster.asSuperuser("postgres", async (sql) => {
    while (Date.now() < deadline) {
      const active = await sql`select from pg_stat_activity where usename = ${ROLE} and state = 'active'`;
      if (active.length === 0) return;
      await delay(200);
    }
  });
}

const countsOf = ({ codes }: LoadReport) =>
  Object.entries(codes)
    .map(([code, count]) => `${count} ${code}`)
    .join(", ");

/** What goes on beside the one who waits; without a load, nothing. */
export interface Beside {
  readonly name: string;
  readonly load?: Omit<Asked, "url">;
}

/**
 * @param part the name under which the figures are recorded
 * @param waiting the headers of the one who waits
 * @returns a table, in Markdown
 */
export async function measureBeside(
  { options, cluster, record }: Run,
  { url, pid }: Server,
  part: string,
  waiting: Readonly<Record<string, string>>,
  all: readonly Beside[],
): Promise<string> {
  const lines = [
    row("beside", "is answered", "who waits, p50 ms", "p99 ms", "answered", "not answered", "server's peak MiB"),
    row("---", "---", ...Array<string>(5).fill("---:")),
  ];
  for (const { name, load } of all) {
    forgetPeak(pid);
    const loads = [
      startLoad({ url, headers: [waiting], bodies: [OWN], connections: OTHER_CONNECTIONS }),
      ...(load ? [startLoad({ url, ...load })] : []),
    ];
    try {
      // They answer as soon as they are at work, which takes a process a while.
      await Promise.all(loads.map((load) => load.begin()));
      await delay(SETTLING_MS);
      await loads[0]!.begin();
      await delay(options.seconds * 1000);
      const [other, own] = (await Promise.all(loads.map((load) => load.end()))) as [LoadReport, LoadReport?];
      const failed = other.requests - (other.codes.data ?? 0);
      const answers = own ? countsOf(own) || "nothing yet" : "";
      const memory = peakMiB(pid);
      const { requests, p50, p99 } = other;
      record(part, { name, answers, requests, failed, p50, p99, memory });
      lines.push(
        row(
          name,
          answers,
          ...[p50, p99].map((ms) => (requests > 0 ? rounded(ms) : "none")),
          requests,
          failed,
          Math.round(memory),
        ),
      );
    } finally {
      for (const load of loads) load.kill();
    }
    await untilIdle(cluster);
  }
  return lines.join("\n");
}

/** Takes away what a measurement has left. */
export async function removeTraces(cluster: BenchCluster): Promise<void> {
  await removeInserted(cluster);
  await cluster.asSuperuser(BENCH.name, async (sql) => {
    await sql`delete from security_events where id > ${EVENTS}`;
    await sql`delete from rate_limits`;
  });
}

/** @returns a table, in Markdown */
export async function measureHostile(run: Run): Promise<string> {
  const server = await run.start("postern", { environment: { INTROSPECTION: "true" } });
  const tokens = await signAllIn(server);
  const headersOf = (actor: Actor | "anonymous") => ({
    "content-type": "application/json",
    ...(actor !== "anonymous" && { authorization: `Bearer ${tokens[actor]}` }),
  });
  const loads = HOSTILE.map((hostile): Beside => {
    const { name, connections, actor } = hostile;
    const load = { headers: [headersOf(actor)], bodies: bodiesOf(hostile), connections, mostRequests: MOST_REQUESTS };
    return { name, load };
  });
  const text = await measureBeside(run, server, "hostile", headersOf("other"), [{ name: "nothing" }, ...loads]);
  await server.stop();
  await removeTraces(run.cluster);
  return text;
}
