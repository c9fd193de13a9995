/** Posterns that share a database, which a test kills while they operate, and what a client requests of them meanwhile. */
import { expect } from "vitest";
import { PASSWORD } from "./app.js";
import { PATIENCE_MS, type Running, signIn, startPostern } from "./postern.js";
import { eventually } from "./sandbox.js";

// biome-ignore lint/suspicious/noExplicitAny: answers are looked at, not computed with
type Json = any;

export const EMAIL = "root@postern.example";
/** Many ask at once: more often they would only keep the machine from working. */
const LEISURE_MS = 400;
const ENDED = ["SUCCEEDED", "FAILED", "TIMED_OUT", "CANCELLED", "EXPIRED"];
/** A client that is told why an operation has failed requests it so often. */
const TRIES = 10;

/** What is requested on an instance: a mutation, and its input beside the instance. */
export type Wanted = readonly [verb: string, input: Readonly<Record<string, unknown>>];

/** An operation, as it ended. */
export interface Ended {
  readonly id: string;
  readonly status: string;
  readonly error: { readonly code: string } | null;
  readonly verb: string;
  readonly input: Readonly<Record<string, unknown>>;
}

export type KilledFleet = ReturnType<typeof fleetToKill>;

/** Whoever asks them asks another one, or again, where one does not answer. */
export function fleetToKill(mark: string, settings: Record<string, string>, replicas: number) {
  const running: Running[] = [];
  const urls: string[] = [];
  const beginnings: (Promise<void> | undefined)[] = [];
  let token = "";
  let turn = 0;
  /** Operations that were accepted and have not been seen to end, and how many have. */
  let open = 0;
  let passed = 0;

  const begin = async (n: number) => {
    running[n] = startPostern(mark, settings);
    urls[n] = (await running[n].ready()).url;
    beginnings[n] = undefined;
  };

  /** @returns the data, or the code of a refusal */
  const ask = (query: string, variables: object = {}): Promise<{ data?: Json; code?: string }> =>
    eventually(async () => {
      const url = urls[turn++ % urls.length];
      const body = JSON.stringify({ query, variables });
      const headers = { "content-type": "application/json", authorization: `Bearer ${token}` };
      const response = await fetch(`${url}/graphql`, { method: "POST", headers, body }).catch(() => null);
      const answer = ((await response?.json().catch(() => null)) ?? null) as { data: Json; errors?: Json[] } | null;
      const code = answer?.errors?.[0]?.extensions?.code;
      return answer !== null && code !== "UNAVAILABLE" && { data: answer?.data, code };
    }, PATIENCE_MS);

  /** Requests, and again where the status of the instance does not allow it yet. @returns what was requested */
  async function request(verb: string, input: object, payload: string): Promise<Json> {
    const type = `${verb[0]!.toUpperCase()}${verb.slice(1)}Input`;
    const { data, code } = await eventually(
      async () => {
        const answer = await ask(`mutation($input: ${type}!) { requested: ${verb}(input: $input) { ${payload} } }`, {
          input,
        });
        return answer.code !== "FAILED_PRECONDITION" && answer;
      },
      2 * PATIENCE_MS,
      LEISURE_MS,
    );
    expect([verb, input, code]).toEqual([verb, input, undefined]);
    return data.requested;
  }

  /** Waits for the end of what was accepted. @param look what has ended; false until then */
  async function untilEnded<T>(count: number, look: () => Promise<T | false>): Promise<T> {
    open += count;
    const ended = await eventually(look, 3 * PATIENCE_MS, LEISURE_MS);
    open -= count;
    passed += count;
    return ended as T;
  }

  async function operateOnce(name: string, [verb, more]: Wanted, key: string): Promise<Ended> {
    const input = { instanceId: name, idempotencyKey: key, ...more };
    const { id } = (await request(verb, input, "operation { id }")).operation;
    const ended = await untilEnded(1, async () => {
      const now = (await ask(`{ operation(id: "${id}") { status error { code } } }`)).data?.operation;
      return ENDED.includes(now?.status) && now;
    });
    return { id, ...ended, verb, input: more };
  }

  return {
    ask,
    async start() {
      await Promise.all(Array.from({ length: replicas }, (_, n) => begin(n)));
      token = await signIn(urls[0]!, EMAIL, PASSWORD);
    },

    async stop() {
      await Promise.all(beginnings);
      for (const each of running) each.kill("SIGTERM");
      expect(await Promise.all(running.map((each) => each.ended()))).toEqual(running.map(() => 0));
    },

    /**
     * Kills one of them whenever a further part of the operations has ended, at a random moment at which some are open, and starts it again.
     * @param isOver whether all have ended @returns how many operations were open at each kill
     */
    async killAlong(kills: number, operations: number, isOver: () => boolean): Promise<number[]> {
      const openAt: number[] = [];
      while (openAt.length < kills && !isOver()) {
        const due = ((openAt.length + 1) * operations) / (kills + 1);
        await eventually(() => isOver() || (passed >= due && beginnings.filter(Boolean).length < replicas), 900_000);
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 500));
        await eventually(() => isOver() || open > 0, 900_000);
        const up = running.map((_, n) => n).filter((n) => !beginnings[n]);
        const n = up[Math.floor(Math.random() * up.length)]!;
        openAt.push(open);
        running[n]!.kill("SIGKILL");
        beginnings[n] = running[n]!.ended().then(() => begin(n));
        // Whoever stops them sees it.
        beginnings[n].catch(() => undefined);
      }
      return openAt;
    },

    /** Requests one after the other, and again what has failed. @returns the operations, up to one of which nobody knows whether it was done */
    async operate(name: string, all: readonly Wanted[]): Promise<Ended[]> {
      const operations: Ended[] = [];
      for (const [n, wanted] of all.entries()) {
        for (let tries = 0; tries < TRIES; tries++) {
          const ended = await operateOnce(name, wanted, `${name} ${n} ${tries}`);
          operations.push(ended);
          if (ended.status === "TIMED_OUT") {
            // What comes next would wait for its true end.
            passed += all.length - n - 1;
            return operations;
          }
          if (ended.status === "SUCCEEDED") break;
        }
      }
      return operations;
    },

    /** Requests one bulk operation. @returns the operations by the names of their instances */
    async operateBulk(names: readonly string[], [verb, more]: Wanted): Promise<Map<string, Ended>> {
      if (names.length === 0) return new Map();
      const selected = { filter: { identifier: { in: names } }, expectedCount: names.length };
      const input = { ...selected, idempotencyKey: `${verb} of all`, ...more };
      const { id } = (await request(verb, input, "bulkOperation { id }")).bulkOperation;
      const fields =
        "status parts(first: 100) { nodes { operation { id status error { code } parameters } instance { identifier } } }";
      const { parts } = await untilEnded(names.length, async () => {
        const { bulkOperation } = (await ask(`{ bulkOperation(id: "${id}") { ${fields} } }`)).data ?? {};
        return bulkOperation?.status === "ENDED" && bulkOperation;
      });
      return new Map(
        parts.nodes.map(({ instance, operation: { parameters, ...ended } }: Json) => [
          instance.identifier,
          { ...ended, verb: verb.slice(0, -1), input: parameters },
        ]),
      );
    },

    async listed(field: string, fields: string): Promise<Json[]> {
      return (await ask(`{ ${field}(first: 100) { nodes { ${fields} } } }`)).data[field].nodes;
    },

    /** Every operation has exactly its records. */
    async requireRecords(count: number) {
      const [from, to] = [-86_400_000, 86_400_000].map((ms) => new Date(Date.now() + ms).toISOString());
      const range = `from: "${from}", to: "${to}", by: MONTH`;
      const { data } = await ask(`{ operationMetrics(${range}) { requested incompleteAudits } }`);
      const sum = (name: string) => data.operationMetrics.reduce((sum: number, each: Json) => sum + each[name], 0);
      expect([sum("requested"), sum("incompleteAudits")]).toEqual([count, 0]);
    },
  };
}
