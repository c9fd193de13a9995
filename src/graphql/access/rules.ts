/** Turns our rules into the permission door of graphql-shield. No other file knows graphql-shield's rules. */
import { createRequire } from "node:module";
import type { IRule } from "graphql-shield";
import type { Actor, ActorAccess } from "../../auth/actor.js";
import type { Rule } from "../../auth/rules.js";
import { forbidden, productionProtected, unauthenticated } from "../../errors.js";
import { isOperableEnvironment } from "../../values/environments.js";
import { requireWellFormed } from "../../values/well-formed.js";

// This loads the CommonJS build, because the ES build of graphql-shield 7.6.5 imports a function that Node 23 removed.
const { allow, deny, rule, shield } = createRequire(import.meta.url)(
  "graphql-shield",
) as typeof import("graphql-shield");

export { deny, shield };

type ShieldRule = IRule | typeof allow;

/** The part of a request's context that the rules read. */
interface RuleContext {
  readonly actor: Actor;
  readonly access: ActorAccess;
  /** Returns the environment of the instance that an argument names, or null. */
  environmentOf(by: "instanceId" | "operationId", name: string): Promise<string | null>;
}

function refusalOfAnonymous({ actor }: RuleContext) {
  return actor.kind === "anonymous" ? unauthenticated(actor.reason) : undefined;
}

/** Refuses anonymous actors. It reads only the context, so its answer may be cached for the request. */
const signedIn: ShieldRule = rule("signedIn", { cache: "contextual" })(
  async (_parent, _args, context: RuleContext) => refusalOfAnonymous(context) ?? true,
);

/**
 * Refuses actors who may not operate instances, and instances in protected environments. It reads an argument, so its answer must not be
 * cached by its name; the context loads each instance once.
 */
const operableRule = (by: "instanceId" | "operationId"): ShieldRule =>
  rule(`operable by ${by}`, { cache: "no_cache" })(
    async (_parent, { input }: { input: Record<typeof by, string> }, context: RuleContext) => {
      const refused = refusalOfAnonymous(context);
      if (refused) return refused;
      if (!context.access.permissions.has("operations:run")) return forbidden("operations:run");
      requireWellFormed(input[by], by);
      const environment = await context.environmentOf(by, input[by]);
      // The service answers NOT_FOUND for an instance or an operation that does not exist.
      return environment === null || isOperableEnvironment(environment) ? true : productionProtected();
    },
  );
const OPERABLE = { instanceId: operableRule("instanceId"), operationId: operableRule("operationId") };

/** @returns a function that makes graphql-shield's rules. Equal permissions get one rule, because it refuses two rules of one name. */
export function shieldRules(): (rule: Rule) => ShieldRule {
  const ruleByName = new Map<string, ShieldRule>();
  return (ours) => {
    if (ours.kind === "anyone") return allow;
    if (ours.kind === "signedIn") return signedIn;
    if (ours.kind === "operable") return OPERABLE[ours.by];
    const { permissions } = ours;
    const name = `can ${permissions.join(" or ")}`;
    const shieldRule =
      ruleByName.get(name) ??
      rule(name, { cache: "contextual" })(
        async (_parent, _args, context: RuleContext) =>
          refusalOfAnonymous(context) ??
          (permissions.some((permission) => context.access.permissions.has(permission)) || forbidden(permissions[0])),
      );
    ruleByName.set(name, shieldRule);
    return shieldRule;
  };
}
