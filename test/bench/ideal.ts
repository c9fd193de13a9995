/** What the server `ideal` runs: the statements that Postern sends for the workloads, taken from a Postern in this process. */
import { writeFileSync } from "node:fs";
import { createApp } from "../../src/app.js";
import { readConfig } from "../../src/config.js";
import { createLog } from "../../src/log.js";
import { RAISED_LIMITS } from "../support/rate-limits.js";
import { removeInserted } from "./answers.js";
import type { BenchCluster } from "./cluster.js";
import { ADMINISTRATOR, BENCH } from "./databases.js";
import { SECRETS_KEY, signIn } from "./servers.js";
import { requestsOf, valuesOf, type Workload } from "./workloads.js";

/** A statement as `servers/ideal.mjs` reads it. */
interface Statement {
  readonly text: string;
  /** Texts of ours with values of the request between them, or what never changes. */
  readonly parameters: readonly (
    | { readonly texts: string[]; readonly names: string[] }
    | { readonly constant: unknown }
  )[];
  /** The first column that the answer is made of, and what stands around the values. */
  readonly column: number;
  readonly texts: readonly string[];
}

/** What Postern sent and got while it answered one request. */
interface Seen {
  readonly values: Readonly<Record<string, string>>;
  readonly data: string;
  readonly statements: readonly { readonly text: string; readonly parameters: readonly unknown[] }[];
  readonly rows: readonly (readonly (string | null)[])[];
}

/** Enough for Postern to have gone over to the way in which it answers a document that comes again. */
const ASKED = 12;
const PLANNED = ["W1", "W2", "W3", "W4"] as const satisfies readonly Workload[];
/** Before each value of a row that travels as one column. */
const SEPARATOR = "\x1f";

const valuesIn = (row: readonly (string | null)[], column: number) =>
  row.slice(column).flatMap((text) => {
    const values = (text ?? "").split(SEPARATOR);
    return values.length > 1 ? values.slice(1) : values;
  });

/** @returns what stands around the values of a row in an answer, from the first column from which all of them are found in it */
function textsAround(row: readonly (string | null)[], data: string): Pick<Statement, "column" | "texts"> | undefined {
  for (let column = 0; column < row.length; column++) {
    // It would be found anywhere.
    if (row[column] === null) continue;
    const texts: string[] = [];
    let from = 0;
    for (const value of valuesIn(row, column)) {
      const at = data.indexOf(value, from);
      if (at < 0) break;
      texts.push(data.slice(from, at));
      from = at + value.length;
    }
    if (texts.length === valuesIn(row, column).length) return { column, texts: [...texts, data.slice(from)] };
  }
  return undefined;
}

/** @returns a parameter with the values of a request cut out */
function templateOf(parameter: unknown, values: Seen["values"]): Statement["parameters"][number] {
  const entries = Object.entries(values);
  if (typeof parameter !== "string") return { constant: parameter };
  const [texts, names]: [string[], string[]] = [[], []];
  let from = 0;
  for (;;) {
    const found = entries
      .map(([name, value]) => ({ name, value, at: parameter.indexOf(value, from) }))
      .filter(({ at }) => at >= 0)
      .sort((a, b) => a.at - b.at)[0];
    if (!found) break;
    texts.push(parameter.slice(from, found.at));
    names.push(found.name);
    from = found.at + found.value.length;
  }
  return names.length === 0 ? { constant: parameter } : { texts: [...texts, parameter.slice(from)], names };
}

const namesIn = (parameters: Statement["parameters"]) => parameters.map((each) => ("names" in each ? each.names : []));

/** @throws Error where the statement is not understood, which another request shows */
function statementOf(workload: Workload, seen: readonly Seen[]): Statement {
  const [one, other] = seen.slice(-2) as [Seen, Seen];
  // What Postern sends by the clock comes more seldom.
  const sent = one.statements.find(({ text }) =>
    seen.slice(-5).every((each) => each.statements.some((s) => s.text === text)),
  );
  const around = one.rows.map((row) => textsAround(row, one.data)).find(Boolean);
  const repeated = other.rows.map((row) => textsAround(row, other.data)).find(Boolean);
  if (!sent || !around || around.texts.join("\n") !== repeated?.texts.join("\n")) {
    throw new Error(`ideal: what Postern sends and gets for ${workload} is not understood`);
  }
  // A value may stand by chance where another request has none.
  const [parameters] = seen
    .slice(-5)
    .map(({ statements, values }) =>
      statements.find(({ text }) => text === sent.text)!.parameters.map((each) => templateOf(each, values)),
    )
    .sort((a, b) => JSON.stringify(namesIn(a)).length - JSON.stringify(namesIn(b)).length);
  return { text: sent.text, parameters: parameters!, ...around };
}

async function ask(url: string, body: string, token: string): Promise<string> {
  const headers = { "content-type": "application/json", authorization: `Bearer ${token}` };
  const text = await (await fetch(url, { method: "POST", headers, body })).text();
  const data = /^\{"data":(.*)\}\s*$/s.exec(text)?.[1];
  if (!data || text.includes('"errors":')) throw new Error(`ideal: Postern answers ${text.slice(0, 600)}`);
  return data;
}

/** Writes what the server `ideal` runs to a file. */
export async function captureStatements(cluster: BenchCluster, file: string): Promise<void> {
  let [statements, rows]: [Seen["statements"][number][], (string | null)[][]] = [[], []];
  const { hostname, port, username, password } = new URL(cluster.url(BENCH.name));
  const app = await createApp(
    readConfig({ PORT: "0", RATE_LIMITS: RAISED_LIMITS, SECRETS_KEY, DATABASE_URL: cluster.url(BENCH.name) }),
    {
      log: createLog("error"),
      clock: { now: () => new Date() },
      providers: [],
      version: { version: "0.0.0", commit: null },
      connection: {
        ...{ host: hostname, port: Number(port), username, password, database: BENCH.name },
        debug: (_connection, text, parameters) => void statements.push({ text, parameters }),
        transform: {
          row: (row) => {
            if (Array.isArray(row)) rows.push(row as never);
            return row;
          },
        },
      },
    },
  );
  try {
    const url = `${await app.start()}/graphql`;
    const token = await signIn(url, ADMINISTRATOR);
    const found: Partial<Record<Workload, Statement>> = {};
    for (const workload of PLANNED) {
      const seen: Seen[] = [];
      for (const [index, body] of requestsOf("postern", workload).slice(0, ASKED).entries()) {
        [statements, rows] = [[], []];
        const data = await ask(url, body, token);
        seen.push({ values: valuesOf(workload)[index]!, data, statements, rows });
      }
      found[workload] = statementOf(workload, seen);
    }
    writeFileSync(file, JSON.stringify(found, null, 2));
  } finally {
    await app.stop();
    await removeInserted(cluster);
  }
}
