/** Serves subscriptions to the clients of WebSockets: who they are, how many there may be, and when they end. */
import { type Context, makeServer, type SubscribePayload, type WebSocket } from "graphql-ws";
import type { CallOrigin } from "../../audit/call.js";
import type { Actor, UserActor } from "../../auth/actor.js";
import type { Authentication } from "../../auth/authenticate.js";
import { badUserInput, limitExceeded } from "../../errors.js";
import type { ApiLimit } from "../../rate-limits/index.js";
import type { Timings } from "../../timings.js";
import { networkOf } from "../../values/caller.js";
import { asRequest, type RequestFacts } from "../../values/request-facts.js";
import { type ContextDeps, RequestContext } from "../context.js";
import { rememberLongNumbersOfMessage } from "../long-numbers.js";
import type { LiveLimits } from "./live.variables.js";
import type { LiveError } from "./live-error.js";
import type { LiveOperation, LiveOperations, LiveSubscriber } from "./live-operations.js";

/** The close codes with which clients come back: with a fresh token, or a little later. */
const FORBIDDEN = 4403;
const TRY_AGAIN = 1013;
/** The close code for a second subscription under an id. */
const ID_IN_USE = 4409;

/** Connections from one network that have not said yet who they are, so that a stranger does not take the place of all others. */
const MAX_STRANGERS = 50;

/** A WebSocket, and how its client takes what is sent. */
export interface LiveSocket extends WebSocket, Pick<LiveSubscriber, "isBehind" | "untilRead"> {
  readonly isOpen: () => boolean;
  readonly origin: CallOrigin;
  /** What is noted of the request that opened it. */
  readonly facts: RequestFacts;
  /** The text of the message under way. */
  readonly message: () => string;
}

/** The client of a WebSocket. */
interface LiveClient {
  readonly socket: LiveSocket;
  /** Who it is, once it has said so. */
  subscriber: LiveSubscriber | undefined;
  /**
   * The ids of its subscriptions, from before they begin until nothing more is sent under them. The package knows an id no more as soon
   * as the client has completed it, and would then take an early one and its successor for the same.
   */
  readonly ids: Set<string>;
}

/** What one user has in this process. */
interface Held {
  connections: number;
  subscriptions: number;
}

interface LiveConnectionsDeps extends Authentication {
  readonly operations: LiveOperations;
  readonly apiLimit: ApiLimit;
  readonly recordRefusals: (context: RequestContext) => Promise<void>;
  readonly contextDeps: ContextDeps;
  readonly limits: LiveLimits;
  readonly timings: Pick<Timings, "liveMs" | "liveInitMs">;
  readonly logRequest: (facts: RequestFacts) => void;
}

/** @returns the header that the payload of `connection_init` holds, by its name in any case */
function authorizationOf(parameters: Readonly<Record<string, unknown>> | undefined): string | undefined {
  const given = Object.entries(parameters ?? {}).filter(([name]) => name.toLowerCase() === "authorization");
  return given.length === 0 ? undefined : given.map(([, value]) => (typeof value === "string" ? value : "")).join(", ");
}

/**
 * They speak the protocol graphql-transport-ws of the package graphql-ws:
 *
 *     connection_init { Authorization: "Bearer ..." }   authenticate, a turn of the rate, a place among the actor's connections
 *         no valid token -> the socket closes with 4403, and the refusal is recorded as that of a query is
 *     subscribe         a place among the subscriptions, then all doors of a query (see live-operations.ts)
 *     the token, the session or the account ends -> the socket closes with 4403 within a second: clients come back with a fresh token
 *     changes may have been missed, or a limit of connections -> 1013, with which clients try again
 */
export type LiveConnections = ReturnType<typeof createLiveConnections>;

export function createLiveConnections(deps: LiveConnectionsDeps) {
  const { operations, apiLimit, authenticate, signedOut, limits, timings } = deps;
  const clients = new Set<LiveClient>();
  const heldBy = new Map<string, Held>();
  let subscriptions = 0;
  let sweeping: NodeJS.Timeout | undefined;

  function hold(userId: string, change: Partial<Held>): Held {
    const held = heldBy.get(userId) ?? { connections: 0, subscriptions: 0 };
    held.connections += change.connections ?? 0;
    held.subscriptions += change.subscriptions ?? 0;
    if (held.connections > 0 || held.subscriptions > 0) heldBy.set(userId, held);
    else heldBy.delete(userId);
    return held;
  }

  /** @returns whether the client may still get messages; one that is signed in no more is sent away */
  function isThere({ socket, subscriber }: LiveClient): boolean {
    const reason = subscriber && signedOut(subscriber.actor);
    if (reason !== undefined) void socket.close(FORBIDDEN, reason);
    return socket.isOpen() && reason === undefined;
  }

  const subscriberOf = (client: LiveClient, actor: UserActor): LiveSubscriber => ({
    actor,
    origin: client.socket.origin,
    route: client.socket.facts.route ?? "",
    isThere: () => isThere(client),
    isBehind: client.socket.isBehind,
    untilRead: client.socket.untilRead,
    lost: () => void client.socket.close(TRY_AGAIN, "Some changes were missed: subscribe again."),
  });

  /** @returns the close code and the reason where the client is turned away */
  async function refusalOf(actor: Actor, { origin, facts }: LiveSocket): Promise<[number, string] | undefined> {
    const { state, refusal } = await apiLimit.take(actor, origin);
    if (state && refusal) {
      facts.addCode("RATE_LIMITED");
      return [TRY_AGAIN, `Too often. Try again in ${state.resetSeconds} s.`];
    }
    if (actor.kind !== "user") {
      facts.addCode("UNAUTHENTICATED");
      const context = new RequestContext(actor, origin, deps.contextDeps);
      context.refuse({ code: "UNAUTHENTICATED", field: "connection_init" });
      await deps.recordRefusals(context);
      return [FORBIDDEN, actor.reason ?? "Send `Authorization: Bearer <access token>` in connection_init."];
    }
    return undefined;
  }

  async function admit(
    client: LiveClient,
    parameters: Readonly<Record<string, unknown>> | undefined,
  ): Promise<boolean> {
    const { socket } = client;
    try {
      const actor = await authenticate(authorizationOf(parameters));
      socket.facts.actor = { kind: actor.kind, id: actor.kind === "user" ? actor.userId : null };
      const refusal = await refusalOf(actor, socket);
      if (refusal) void socket.close(...refusal);
      // It may have gone meanwhile.
      if (refusal || !socket.isOpen() || actor.kind !== "user") return false;
      if ((heldBy.get(actor.userId)?.connections ?? 0) >= limits.connectionsPerActor) {
        socket.facts.addCode("LIMIT_EXCEEDED");
        void socket.close(TRY_AGAIN, `You have ${limits.connectionsPerActor} connections here. Close one first.`);
        return false;
      }
      client.subscriber = subscriberOf(client, actor);
      hold(actor.userId, { connections: 1 });
      return true;
    } catch (error) {
      const { message } = operations.faultOf(error);
      void socket.close(TRY_AGAIN, message);
      return false;
    }
  }

  /** Takes a place for a subscription. @returns a function that gives it back @throws LIMIT_EXCEEDED */
  function takePlace(client: LiveClient, { userId }: UserActor): () => void {
    const held = heldBy.get(userId)?.subscriptions ?? 0;
    if (client.ids.size >= limits.perConnection || held >= limits.perActor)
      throw limitExceeded("subscriptions", "You have as many subscriptions as you may: complete one first.");
    if (subscriptions >= limits.subscriptions)
      throw limitExceeded("subscriptions", "There are too many subscriptions here: try again in a moment.");
    subscriptions += 1;
    hold(userId, { subscriptions: 1 });
    let isTaken = true;
    return () => {
      if (!isTaken) return;
      isTaken = false;
      subscriptions -= 1;
      hold(userId, { subscriptions: -1 });
    };
  }

  async function subscribe(
    client: LiveClient,
    id: string,
    payload: SubscribePayload,
  ): Promise<LiveOperation | readonly LiveError[]> {
    const subscriber = client.subscriber as LiveSubscriber;
    let giveBack: () => void;
    try {
      if (client.ids.has(id)) {
        void client.socket.close(ID_IN_USE, "A subscription with this id has not ended yet.");
        throw badUserInput("id", "Use an id that no other subscription has.");
      }
      giveBack = takePlace(client, subscriber.actor);
    } catch (error) {
      return [operations.faultOf(error)];
    }
    client.ids.add(id);
    const begun = await operations.begin(subscriber, payload, giveBack);
    if (!("answers" in begun)) {
      client.ids.delete(id);
      giveBack();
    }
    return begun;
  }

  const server = makeServer<Record<string, unknown>, LiveClient>({
    connectionInitWaitTimeout: timings.liveInitMs,
    onConnect: ({ extra, connectionParams }: Context<Record<string, unknown>, LiveClient>) =>
      asRequest(extra.socket.facts, () => admit(extra, connectionParams)).finally(() =>
        deps.logRequest(extra.socket.facts),
      ),
    async onSubscribe({ extra }, id, payload) {
      // The package has parsed the message in this turn.
      rememberLongNumbersOfMessage(payload.variables, extra.socket.message());
      const begun = await subscribe(extra, id, payload);
      return "answers" in begun ? { ...begun.args, contextValue: begun.answers } : begun;
    },
    subscribe: ({ contextValue }) => contextValue as LiveOperation["answers"],
    onComplete: ({ extra }, id) => void extra.ids.delete(id),
  });

  function sweep(): void {
    for (const client of clients) isThere(client);
  }

  return {
    /** Serves the client of a new WebSocket. @returns a function that is to be called when the socket has closed */
    serve(socket: LiveSocket): (code: number, reason: string) => Promise<void> {
      const client: LiveClient = { socket, subscriber: undefined, ids: new Set() };
      clients.add(client);
      sweeping ??= setInterval(sweep, timings.liveMs).unref();
      const closed = server.opened(socket, client);
      return async (code, reason) => {
        clients.delete(client);
        if (clients.size === 0) {
          clearInterval(sweeping);
          sweeping = undefined;
        }
        if (client.subscriber) hold(client.subscriber.actor.userId, { connections: -1 });
        else deps.logRequest(socket.facts);
        await closed(code, reason);
      };
    },

    /** Whether there is room for one more connection. @param address the client's, where it has not said yet who it is */
    hasRoom(address: string): boolean {
      const network = networkOf(address);
      let strangers = 0;
      for (const { subscriber, socket } of clients)
        if (!subscriber && networkOf(socket.origin.ipAddress) === network) strangers += 1;
      return clients.size < limits.connections && strangers < MAX_STRANGERS;
    },
  };
}
