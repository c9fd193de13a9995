/** The rules of the permission door: the only place that makes graphql-shield rules. */
import { createRequire } from "node:module";
import type { IRule } from "graphql-shield";
import type { Permission } from "../../auth/permissions.js";
import { forbidden, productionProtected, unauthenticated } from "../../errors.js";
import { isOperable } from "../../modules/fleet/inventory/index.js";
import { requireWellFormed } from "../../values/well-formed.js";
import type { RequestContext } from "../context.js";

// The CommonJS build: the ES build of graphql-shield 7.6.5 imports a function that Node 23 removed.
const { allow, deny, rule, shield } = createRequire(import.meta.url)(
  "graphql-shield",
) as typeof import("graphql-shield");

export { allow as anyone, deny, shield };
export type ShieldRule = IRule | typeof allow;

function refusalOfAnonymous({ actor }: RequestContext) {
  return actor.kind === "anonymous" ? unauthenticated(actor.reason) : undefined;
}

/** Any signed-in actor. Reads only the context, so its answer may be cached for the request. */
export const signedIn: IRule = rule("signedIn", { cache: "contextual" })(
  async (_parent, _args, context: RequestContext) => refusalOfAnonymous(context) ?? true,
);

const byPermissions = new Map<string, IRule>();
const permissionsOf = new WeakMap<object, readonly Permission[]>();

/** @returns whether a rule of permissions alone would let these pass; another rule must be asked itself */
export const holdsAny = (rule: ShieldRule, permissions: ReadonlySet<Permission>): boolean =>
  permissionsOf.get(rule)?.some((permission) => permissions.has(permission)) ?? false;

/** Actors that hold any of the permissions. One rule per set: shield refuses two rules of one name. */
export function can(...permissions: [Permission, ...Permission[]]): IRule {
  const name = `can ${permissions.join(" or ")}`;
  let known = byPermissions.get(name);
  if (!known) {
    known = rule(name, { cache: "contextual" })(
      async (_parent, _args, context: RequestContext) =>
        refusalOfAnonymous(context) ??
        (permissions.some((permission) => context.access.permissions.has(permission)) || forbidden(permissions[0])),
    );
    byPermissions.set(name, known);
    permissionsOf.set(known, permissions);
  }
  return known;
}

/**
 * Actors that may run operations, on an instance that is no production. It reads an argument, so its answer is not cached by its
 * name; the context loads an instance once for the request. One that does not exist is the service's to tell.
 */
export const mayOperate: ShieldRule = rule("mayOperate", { cache: "no_cache" })(
  async (_parent, { input }: { input: { instanceId: string } }, context: RequestContext) => {
    const refused = refusalOfAnonymous(context);
    if (refused) return refused;
    if (!context.access.permissions.has("operations:run")) return forbidden("operations:run");
    requireWellFormed(input.instanceId, "instanceId");
    const environment = await context.environmentOf(input.instanceId);
    // What is not found is told by whoever looks for it.
    return environment === null || isOperable(environment) ? true : productionProtected();
  },
);
