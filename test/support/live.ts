/** Clients of subscriptions: that of the package graphql-ws, and a bare WebSocket for what no client sends. */
import { once } from "node:events";
import { createClient, type FormattedExecutionResult } from "graphql-ws";
import { vi } from "vitest";
import { WebSocket } from "ws";
import type { TestApp } from "./app.js";
import { SOON } from "./soon.js";

// biome-ignore lint/suspicious/noExplicitAny: answers are looked at, not computed with
type Json = any;

type CloseEvent = { readonly code: number; readonly reason: string };

/** A subscription, with what has come so far. */
export interface Following {
  readonly messages: FormattedExecutionResult<Json, Json>[];
  /** The data of the messages' only field. */
  readonly rows: () => Json[];
  /** The errors with which it ended; undefined until then, and null where it was completed. */
  readonly ended: () => readonly Json[] | null | undefined;
  /** Waits for so many messages. @param patience how long, where they are very many */
  count(messages: number, patience?: { timeout: number; interval: number }): Promise<Json[]>;
  /** Waits until it has ended with errors. @returns their codes */
  refused(): Promise<string[]>;
  stop(): void;
}

export const socketUrl = (url: string) => `${url.replace("http", "ws")}/graphql`;

/** A connection of the package's own client. Nothing connects again by itself unless told so. */
export function openLive(url: string, token: string | null, options: Partial<Parameters<typeof createClient>[0]> = {}) {
  const closes: CloseEvent[] = [];
  const client = createClient({
    url: socketUrl(url),
    webSocketImpl: WebSocket,
    connectionParams: token === null ? {} : { Authorization: `Bearer ${token}` },
    retryAttempts: 0,
    ...options,
  });
  client.on("closed", (event) => closes.push(event as CloseEvent));

  function follow(query: string, variables?: Record<string, unknown>, operationName?: string): Following {
    const messages: FormattedExecutionResult<Json, Json>[] = [];
    let ended: readonly Json[] | null | undefined;
    const stop = client.subscribe<Json, Json>(
      { query, ...(variables && { variables }), ...(operationName !== undefined && { operationName }) },
      {
        next: (message) => void messages.push(message as FormattedExecutionResult<Json, Json>),
        error: (errors) => {
          ended = Array.isArray(errors) ? errors : [errors];
        },
        complete: () => {
          ended ??= null;
        },
      },
    );
    const rows = () => messages.map(({ data }) => data && Object.values(data)[0]);
    return {
      messages,
      rows,
      ended: () => ended,
      async count(wanted, patience = SOON) {
        await vi.waitFor(() => {
          if (messages.length < wanted) throw new Error(`${messages.length} of ${wanted}: ${JSON.stringify(ended)}`);
        }, patience);
        return rows();
      },
      async refused() {
        const errors = await vi.waitFor(() => {
          if (!ended) throw new Error(`It goes on: ${JSON.stringify(messages)}`);
          return ended;
        }, SOON);
        return errors.map(({ extensions, message }) => extensions?.code ?? message);
      },
      stop,
    };
  }

  return {
    follow,
    closes,
    /** Waits until the connection has closed. @returns its last code and reason */
    async closed(): Promise<[number, string]> {
      const event = await vi.waitFor(() => {
        if (closes.length === 0) throw new Error("It is open.");
        return closes.at(-1) as CloseEvent;
      }, SOON);
      return [event.code, String(event.reason)];
    },
    dispose: () => client.dispose(),
  };
}

/** @returns how many polls for changes were sent */
export const polls = ({ statements }: Pick<TestApp, "statements">): number =>
  statements.filter((text) => text.includes("from row_changes")).length;

/** Waits for so many more polls: what was committed before was told by then. */
export async function untilPolled(app: Pick<TestApp, "statements">, times: number): Promise<void> {
  const wanted = polls(app) + times;
  await vi.waitFor(() => {
    if (polls(app) < wanted) throw new Error(`${polls(app)} of ${wanted} polls`);
  }, SOON);
}

/** Waits until subscriptions have begun: a client is not told, but the log is. @param work subscribes @param count how often */
export async function begun<T>({ log }: Pick<TestApp, "log">, work: () => T, count = 1): Promise<T> {
  const lines = () => log.filter(({ method }) => method === "SUBSCRIBE").length;
  const wanted = lines() + count;
  const result = work();
  await vi.waitFor(() => {
    if (lines() < wanted) throw new Error(`${lines()} of ${wanted} subscriptions`);
  }, SOON);
  return result;
}

/** A client that subscribes and then reads nothing. */
export async function openSleeper(app: Pick<TestApp, "log" | "url">, token: string, query: string): Promise<WebSocket> {
  const socket = new WebSocket(socketUrl(app.url), "graphql-transport-ws");
  socket.on("error", () => undefined);
  await once(socket, "open");
  socket.send(JSON.stringify({ type: "connection_init", payload: { Authorization: `Bearer ${token}` } }));
  await once(socket, "message");
  const subscribe = JSON.stringify({ id: "1", type: "subscribe", payload: { query } });
  await begun(app, () => socket.send(subscribe));
  socket.pause();
  return socket;
}
