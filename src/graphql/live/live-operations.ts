/** Opens subscriptions through all doors of a query, and makes messages of their rows. */
import { randomUUID } from "node:crypto";
import { type ApolloServer, HeaderMap } from "@apollo/server";
import {
  createSourceEventStream,
  type ExecutionArgs,
  type ExecutionResult,
  execute,
  type GraphQLError,
  type GraphQLFormattedError,
  type GraphQLSchema,
} from "graphql";
import type { SubscribePayload } from "graphql-ws";
import type { CallOrigin } from "../../audit/call.js";
import type { UserActor } from "../../auth/actor.js";
import type { RowChanges } from "../../engine/live/index.js";
import { collectSelection } from "../../engine/read/selection.js";
import { asAppError, badUserInput, rateLimited, unauthenticated } from "../../errors.js";
import type { RequestLimits } from "../../limits.js";
import type { ApiLimit } from "../../rate-limits/index.js";
import type { Timings } from "../../timings.js";
import { asCaller } from "../../values/caller.js";
import { asRequest, RequestFacts, requestOperationName } from "../../values/request-facts.js";
import { type ContextDeps, RequestContext } from "../context.js";
import { documentHash } from "../document-hash.js";
import { fragmentsOfDocument } from "../fast-path/planned-operations.js";
import { type createFormatError, formatFieldError } from "../format-error.js";
import { askApollo, callerOf } from "../graphql-answer.js";
import type { PersistedQueries } from "../persisted-queries.js";
import { LiveContext, type LiveDocument } from "./live-context.js";
import { LiveError } from "./live-error.js";
import { closableGenerator, followLiveRows, type LiveReader, type LiveRow } from "./live-rows.js";
import { createSharedReads } from "./live-shared-reads.js";
import { LiveTurns } from "./live-turns.js";

/** What stands in the log in place of an HTTP method. */
const LOGGED_METHOD = "SUBSCRIBE";

/** Who subscribes, and how what was sent goes on. */
export interface LiveSubscriber extends Pick<LiveReader, "isThere" | "isBehind" | "untilRead" | "lost"> {
  readonly actor: UserActor;
  readonly origin: CallOrigin;
  /** The path at which the client is connected. */
  readonly route: string;
}

/** A subscription that has begun. */
export interface LiveOperation {
  readonly args: ExecutionArgs;
  readonly answers: AsyncGenerator<ExecutionResult, void>;
}

export interface LiveOperationsDeps {
  readonly schema: GraphQLSchema;
  readonly apollo: ApolloServer<RequestContext>;
  readonly apiLimit: ApiLimit;
  readonly persistedQueries: PersistedQueries;
  readonly recordRefusals: (context: RequestContext) => Promise<void>;
  readonly formatError: ReturnType<typeof createFormatError>;
  readonly contextDeps: ContextDeps;
  readonly changes: RowChanges;
  readonly statementTimeoutMs: number;
  readonly timings: Pick<Timings, "liveMs">;
  readonly limits: Pick<RequestLimits, "documentBytes">;
  /** Writes the line of a subscription that has begun or was refused. */
  readonly logRequest: (facts: RequestFacts) => void;
}

const JSON_HEADERS = new HeaderMap([["content-type", "application/json"]]);

/** The errors of a subscription that does not begin. */
class Refused extends Error {
  constructor(readonly errors: readonly LiveError[]) {
    super("refused");
  }
}

/** @returns the name of the only root field @throws BAD_USER_INPUT where directives leave none or several */
function rootFieldOf({ document, operation, variables }: LiveDocument): string {
  const [field, ...others] = collectSelection(
    [operation.selectionSet],
    fragmentsOfDocument(document),
    variables,
  ).values();
  if (!field || others.length > 0) throw badUserInput("query", "Subscribe to exactly one field.");
  return field[0].name.value;
}

/**
 * A subscription passes whatever a query passes: its turn of the rate, known or trusted documents, Apollo's parser and
 * validation with our limits, and the doors of its root field. Its rows then become messages, each executed like a query of one row in a
 * context of its own, so that permissions of fields count for each. A refusal is recorded once for a subscription, not once a message:
 * the event of a refused field would else be a message with a refused field.
 */
export type LiveOperations = ReturnType<typeof createLiveOperations>;

export function createLiveOperations(deps: LiveOperationsDeps) {
  const { schema, apollo, apiLimit, persistedQueries, recordRefusals, formatError } = deps;
  const { planner } = deps.contextDeps;
  const turns = new LiveTurns();
  const share = createSharedReads(deps.changes.round);
  const contextDeps: ContextDeps = {
    ...deps.contextDeps,
    planner: { ...planner, reads: (access, allowance) => planner.reads(access, allowance, share) },
  };

  const liveErrorOf = (error: GraphQLError) => new LiveError(formatError(error.toJSON(), error));
  /** A fault outside of any field. */
  const faultOf = (thrown: unknown): LiveError => {
    const error = asAppError(thrown);
    return new LiveError(formatError({ message: error.message }, formatFieldError(error, [])));
  };

  /** Has Apollo check the document. @throws Refused */
  async function check(context: LiveContext, payload: SubscribePayload, query: string): Promise<LiveDocument> {
    const body = { query, operationName: payload.operationName ?? null, variables: payload.variables ?? {} };
    const answer = await askApollo(apollo, JSON_HEADERS, { method: "POST", search: "", body }, async () => context);
    const { errors } = JSON.parse(answer.body as string) as { errors?: GraphQLFormattedError[] };
    if (errors) throw new Refused(errors.map((error) => new LiveError(error)));
    return context.checked.live as LiveDocument;
  }

  /** Makes messages of rows. */
  async function* answersOf(
    args: ExecutionArgs,
    field: string,
    rows: AsyncIterable<LiveRow>,
    { isThere }: LiveSubscriber,
    facts: RequestFacts,
    onEnd: () => void,
  ): AsyncGenerator<ExecutionResult, void> {
    const recorded = new Set<string>();
    try {
      for await (const { row, context } of rows) {
        const { data, errors } = await asRequest(facts, () =>
          execute({ ...args, rootValue: { [field]: row }, contextValue: context }),
        );
        for (const key of context.refusals.keys()) {
          if (recorded.has(key)) context.refusals.delete(key);
          else recorded.add(key);
        }
        await recordRefusals(context);
        if (!isThere()) return;
        yield { data: data ?? null, ...(errors && { errors: asRequest(facts, () => errors.map(liveErrorOf)) }) };
      }
    } catch (error) {
      throw asRequest(facts, () => faultOf(error));
    } finally {
      onEnd();
    }
  }

  async function open(
    subscriber: LiveSubscriber,
    payload: SubscribePayload,
    facts: RequestFacts,
    onEnd: () => void,
  ): Promise<LiveOperation> {
    const { actor } = subscriber;
    const origin = { ...subscriber.origin, requestId: facts.id };
    const caller = () => callerOf(actor, origin.ipAddress, deps.statementTimeoutMs, facts);
    const reader: LiveReader = {
      ...subscriber,
      holder: actor.userId,
      retryMs: deps.timings.liveMs,
      context: () => new RequestContext(actor, origin, contextDeps),
      read: (work) => asRequest(facts, () => asCaller(caller(), work)),
    };
    const context = new LiveContext(actor, origin, contextDeps, (rows, info) =>
      followLiveRows(rows, info, reader, deps.changes, turns),
    );
    const { signedOut } = context;
    if (signedOut !== undefined) throw unauthenticated(signedOut);
    const { state, refusal } = await apiLimit.take(actor, origin);
    if (state && refusal) throw rateLimited(state.resetSeconds, state);
    try {
      const text = persistedQueries.textOf({ query: payload.query, hash: undefined }, context);
      if (text.length <= deps.limits.documentBytes) facts.document = documentHash(text);
      const live = await check(context, payload, text);
      const field = rootFieldOf(live);
      const { document, operation } = live;
      const args = { schema, document, operationName: operation.name?.value, variableValues: payload.variables ?? {} };
      const rows = await createSourceEventStream({ ...args, contextValue: context });
      if (!(Symbol.asyncIterator in rows)) throw new Refused((rows.errors ?? []).map(liveErrorOf));
      const following = rows as AsyncGenerator<LiveRow, void>;
      const answers = closableGenerator(answersOf(args, field, following, subscriber, facts, onEnd), () => {
        // It has nothing left to wait for then.
        void following.return();
        onEnd();
      });
      return { args, answers };
    } catch (error) {
      await recordRefusals(context);
      throw error;
    }
  }

  return {
    /**
     * Begins a subscription, and writes its line to the log. It never throws.
     * @param onEnd is called when the subscription that has begun ends @returns its errors where it is refused
     */
    async begin(
      subscriber: LiveSubscriber,
      payload: SubscribePayload,
      onEnd: () => void,
    ): Promise<LiveOperation | readonly LiveError[]> {
      const facts = new RequestFacts(randomUUID(), LOGGED_METHOD);
      facts.route = subscriber.route;
      facts.operation = requestOperationName(payload.operationName);
      facts.actor = { kind: subscriber.actor.kind, id: subscriber.actor.userId };
      return asRequest(facts, async () => {
        try {
          return await open(subscriber, payload, facts, onEnd);
        } catch (error) {
          return error instanceof Refused ? error.errors : [faultOf(error)];
        } finally {
          deps.logRequest(facts);
        }
      });
    },

    /** @returns an error as clients see it, of what has not begun */
    faultOf,
  };
}
