/** The load of the soak: connections that each ask one thing after the other, as fast as they can or at a pace. */
import { Agent, request } from "node:http";
import { createHistogram, type RecordableHistogram } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";
import type { Actor } from "./actors.js";
import { chooseFor, OPERATIONS, type Place } from "./operations.js";

/** Longer than anything may take. */
const GIVE_UP_MS = 30_000;
/** A connection makes up for what it could not ask for so long: a sign-in takes many times the time between two requests. */
const CATCH_UP_MS = 1000;

export interface Seen {
  /** Microseconds, by the name of the operation. */
  readonly latencies: ReadonlyMap<string, RecordableHistogram>;
  readonly errors: Map<string, number>;
  /** For people. */
  firstError: string | undefined;
  requests: number;
  readonly sinceMs: number;
}

const nothing = (): Seen => ({
  latencies: new Map(OPERATIONS.map(({ name }) => [name, createHistogram()])),
  errors: new Map(),
  firstError: undefined,
  requests: 0,
  sinceMs: performance.now(),
});

export class SoakLoad {
  private seen = nothing();
  private isOver = false;
  /** Between two requests of a connection; 0 is as fast as it can. */
  private paceMs = 0;
  private readonly running: Promise<void>[];

  /** @param url of the GraphQL endpoint */
  constructor(
    private readonly url: string,
    actors: readonly Actor[],
    private readonly connections: number,
  ) {
    this.running = Array.from({ length: connections }, (_, n) => this.run(actors[n % actors.length] as Actor));
  }

  /** All connections together. @param perSecond undefined is as fast as they can */
  pace(perSecond: number | undefined): void {
    this.paceMs = perSecond === undefined ? 0 : (1000 * this.connections) / perSecond;
  }

  /** What was seen since the last time. */
  take(): Seen & { readonly perSecond: number } {
    const { seen } = this;
    this.seen = nothing();
    return { ...seen, perSecond: (seen.requests * 1000) / (performance.now() - seen.sinceMs) };
  }

  async stop(): Promise<void> {
    this.isOver = true;
    await Promise.all(this.running);
  }

  private async run(actor: Actor): Promise<void> {
    const place: Place = { actor, scans: [] };
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    // Not all at once.
    let dueMs = performance.now() + Math.random() * 1000;
    while (!this.isOver) {
      const waitMs = dueMs - performance.now();
      if (waitMs > 1) await delay(waitMs);
      dueMs = Math.max(dueMs + this.paceMs, performance.now() - CATCH_UP_MS);
      await this.ask(place, agent);
    }
    agent.destroy();
  }

  private async ask(place: Place, agent: Agent): Promise<void> {
    const { operation, variables } = chooseFor(place);
    const { name, document, keep, isAnonymous, code = "data" } = operation;
    const since = performance.now();
    const body = JSON.stringify({ query: document, variables });
    const answer = await send(this.url, agent, body, isAnonymous ? undefined : place.actor.token);
    const { seen } = this;
    seen.requests += 1;
    seen.latencies.get(name)?.record(Math.max(1, Math.round((performance.now() - since) * 1000)));
    const got = answer.code;
    if (got !== code) {
      seen.errors.set(name, (seen.errors.get(name) ?? 0) + 1);
      seen.firstError ??= `${name}: ${answer.text.slice(0, 500)}`;
      // What has become of its rows is not known.
      place.scans.length = 0;
    } else if (code === "data") keep?.(place, answer.data);
  }
}

interface Got {
  readonly code: string;
  readonly text: string;
  readonly data?: unknown;
}

function send(url: string, agent: Agent, body: string, token: string | undefined): Promise<Got> {
  return new Promise((resolve) => {
    const fail = (error: Error) => resolve({ code: "no answer", text: error.message });
    const sent = request(
      url,
      {
        method: "POST",
        agent,
        headers: {
          "content-type": "application/json",
          "content-length": Buffer.byteLength(body),
          ...(token !== undefined && { authorization: `Bearer ${token}` }),
        },
        timeout: GIVE_UP_MS,
      },
      (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (chunk) => (text += chunk));
        response.on("error", fail);
        response.on("end", () => {
          const { data, errors } = JSON.parse(text);
          resolve({ code: errors ? errors[0].extensions.code : "data", text, data });
        });
      },
    );
    sent.on("timeout", () => sent.destroy(new Error("no answer in time")));
    sent.on("error", fail);
    sent.end(body);
  });
}
