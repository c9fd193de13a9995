/** Rules -> the permission door of graphql-shield, the only place that knows it. */
import { createRequire } from "node:module";
import type { IRule } from "graphql-shield";
import type { Access, Actor } from "../../auth/actor.js";
import type { Rule } from "../../auth/rules.js";
import { forbidden, productionProtected, unauthenticated } from "../../errors.js";
import { isOperable } from "../../modules/fleet/inventory/index.js";
import { requireWellFormed } from "../../values/well-formed.js";

// The CommonJS build: the ES build of graphql-shield 7.6.5 imports a function that Node 23 removed.
const { allow, deny, rule, shield } = createRequire(import.meta.url)(
  "graphql-shield",
) as typeof import("graphql-shield");

export { deny, shield };
export type ShieldRule = IRule | typeof allow;

/** What the rules look at of a request's context. */
interface Asking {
  readonly actor: Actor;
  readonly access: Access;
  /** The environment of the instance with this id or identifier, or null. */
  environmentOf(instanceId: string): Promise<string | null>;
}

function refusalOfAnonymous({ actor }: Asking) {
  return actor.kind === "anonymous" ? unauthenticated(actor.reason) : undefined;
}

/** Reads only the context, so its answer may be cached for the request. */
const signedIn: ShieldRule = rule("signedIn", { cache: "contextual" })(
  async (_parent, _args, context: Asking) => refusalOfAnonymous(context) ?? true,
);

/**
 * It reads an argument, so its answer is not cached by its name; the context loads an instance once for the request. One that
 * does not exist is the service's to tell.
 */
const operable: ShieldRule = rule("operable", { cache: "no_cache" })(
  async (_parent, { input }: { input: { instanceId: string } }, context: Asking) => {
    const refused = refusalOfAnonymous(context);
    if (refused) return refused;
    if (!context.access.permissions.has("operations:run")) return forbidden("operations:run");
    requireWellFormed(input.instanceId, "instanceId");
    const environment = await context.environmentOf(input.instanceId);
    // What is not found is told by whoever looks for it.
    return environment === null || isOperable(environment) ? true : productionProtected();
  },
);

/** @returns what makes graphql-shield's rules: one for each set of permissions, because it refuses two of one name */
export function shieldRules(): (rule: Rule) => ShieldRule {
  const made = new Map<string, ShieldRule>();
  return (wanted) => {
    if (wanted.kind === "anyone") return allow;
    if (wanted.kind === "signedIn") return signedIn;
    if (wanted.kind === "operable") return operable;
    const { permissions } = wanted;
    const name = `can ${permissions.join(" or ")}`;
    const known =
      made.get(name) ??
      rule(name, { cache: "contextual" })(
        async (_parent, _args, context: Asking) =>
          refusalOfAnonymous(context) ??
          (permissions.some((permission) => context.access.permissions.has(permission)) || forbidden(permissions[0])),
      );
    made.set(name, known);
    return known;
  };
}
