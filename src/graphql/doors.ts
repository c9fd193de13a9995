/** The doors: layers around the resolvers of root fields, which every call passes, whichever path answers it. */
import type { GraphQLResolveInfo, GraphQLSchema } from "graphql";
import type { Rule } from "../auth/rules.js";
import { forbidden, unauthenticated } from "../errors.js";
import type { MutationTurns } from "../rate-limits/index.js";
import { currentCaller } from "../values/caller.js";
import { requireWellFormed } from "../values/well-formed.js";
import type { AccessMap } from "./access/access.js";
import { deny, shield, shieldRules } from "./access/rules.js";
import { requireCompleteFilters } from "./change-filters.js";
import type { RequestContext } from "./context.js";
import { preflightPayload } from "./preflight.js";

type Arguments = Record<string, unknown>;

export type DoorResolve = (
  parent: unknown,
  args: Arguments,
  context: RequestContext,
  info: GraphQLResolveInfo,
) => unknown;

/** A layer around the resolver of a root field. */
export type Middleware = (
  resolve: DoorResolve,
  parent: unknown,
  args: Arguments,
  context: RequestContext,
  info: GraphQLResolveInfo,
) => Promise<unknown>;

type RootType = "Query" | "Mutation" | "Subscription";

/** The layers by root type and field. */
type RootMiddleware = Readonly<Record<RootType, Readonly<Record<string, Middleware>>>>;

/**
 * Makes the doors of all root fields. A call passes, from the outermost to the innermost: the recorder (see recording.ts), the time of the
 * field, the permission, the form of the arguments, and for mutations their limit of the rate and the preflight of the payload. Some calls of
 *
 *     mutation { createSnapshot(input: { instanceId: "7" }) { operation { id } } }
 *
 *     nobody is signed in          -> permission: UNAUTHENTICATED, and the recorder notes a security event
 *     the session has ended since  -> time: UNAUTHENTICATED, recorded likewise
 *     the role is VIEWER           -> permission: FORBIDDEN, with a security event and an audit record of the failure
 *     instance 7 is in PRODUCTION  -> permission: PRODUCTION_PROTECTED, recorded likewise
 *     a text holds a NUL character -> arguments: BAD_USER_INPUT; only a permitted caller's arguments are looked at
 *     many rows, too often -> the turn: RATE_LIMITED, and an audit record of the failure
 *     the payload asks for what the actor may not read -> preflight: FORBIDDEN, and nothing has changed
 *     otherwise                    -> the resolver calls the service, which checks the row and makes the change
 */
export function doorsOf(schema: GraphQLSchema, { queries, mutations, subscriptions }: AccessMap): RootMiddleware {
  const ruleOf = shieldRules();
  const rulesOf = (map: Readonly<Record<string, Rule>>) => ({
    "*": deny,
    ...Object.fromEntries(Object.entries(map).map(([name, rule]) => [name, ruleOf(rule)])),
  });
  const ofMutations = Object.fromEntries(Object.entries(mutations).map(([name, { rule }]) => [name, rule]));
  const generator = shield(
    { Query: rulesOf(queries), Mutation: rulesOf(ofMutations), Subscription: rulesOf(subscriptions) },
    { fallbackRule: deny, fallbackError: forbidden("none", "Nobody may call this."), debug: true },
  ) as unknown as {
    generate(schema: GraphQLSchema): Record<RootType, Record<string, Middleware | { resolve: Middleware }>>;
  };
  // Only root fields get a door of graphql-shield, which would wrap every leaf of every answer. Declared types check their fields themselves.
  const permissions = generator.generate(schema);
  const withArgumentChecks =
    (door: Middleware): Middleware =>
    (resolve, parent, args, context, info) =>
      door(
        (...resolverArgs) => {
          for (const [name, value] of Object.entries(args)) requireWellFormed(value, name);
          if (info.parentType.name === "Mutation") requireCompleteFilters(info, args);
          return resolve(...resolverArgs);
        },
        parent,
        args,
        context,
        info,
      );
  /** Mutations run one after another: each gets its own time, and starts as the request's actor, even after a sign-in, if that still is one. */
  const withFreshStart =
    (door: Middleware): Middleware =>
    async (resolve, parent, args, context, info) => {
      currentCaller().time?.beginField();
      const { signedOut } = context;
      if (signedOut !== undefined) throw unauthenticated(signedOut);
      context.answerAs(context.actor);
      return door(resolve, parent, args, context, info);
    };
  const doorsOfType = (type: RootType, wrap: (door: Middleware) => Middleware) =>
    Object.fromEntries(
      Object.entries(permissions[type]).map(([name, door]) => {
        // graphql-shield wraps rules without a function, such as allow.
        return [name, wrap(withArgumentChecks("resolve" in door ? door.resolve : door))];
      }),
    );
  return {
    Query: doorsOfType("Query", (door) => door),
    Mutation: doorsOfType("Mutation", withFreshStart),
    // They stand before the field's `subscribe`: messages are read for the same actor, while they are signed in.
    Subscription: doorsOfType("Subscription", (door) => door),
  };
}

/** Takes a point for a call of a mutation, where the mutation has a limit of its own. @throws RATE_LIMITED, UNAVAILABLE */
export type TakeMutationTurn = (mutation: string, context: RequestContext) => Promise<void> | undefined;

export const mutationTurnsOf =
  ({ mutations }: AccessMap, turns: MutationTurns): TakeMutationTurn =>
  (name, { actor, origin }) => {
    const tier = mutations[name]?.tier;
    return tier && turns.take(tier, actor, origin);
  };

/** The innermost layer of a mutation, between its doors and its resolver. Its turn is taken before anything is planned. */
export const innermostDoor =
  (takeTurn: TakeMutationTurn): Middleware =>
  async (resolve, parent, args, context, info) => {
    await takeTurn(info.fieldName, context);
    preflightPayload(info, args, context);
    return resolve(parent, args, context, info);
  };

/** The layers of root fields one by one, for the fast path. */
export interface RootFieldDoors {
  readonly recorder: Middleware;
  readonly doors: RootMiddleware;
  readonly takeTurn: TakeMutationTurn;
  /** The resolvers of mutations without their doors, by name. */
  readonly mutations: Readonly<Record<string, DoorResolve>>;
}
