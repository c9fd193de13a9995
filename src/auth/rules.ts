/** Who may call a root field, as plain data: modules state rules, graphql/access makes the permission door of them. */
import type { Permission } from "./permissions.js";

export type Rule =
  /** Everybody, signed in or not: the service decides. */
  | { readonly kind: "anyone" }
  | { readonly kind: "signedIn" }
  /** Whoever holds any of the permissions. */
  | { readonly kind: "can"; readonly permissions: readonly [Permission, ...Permission[]] }
  /** Whoever runs operations, on an instance (the input's `instanceId`) that is no production. */
  | { readonly kind: "operable" };

export const anyone: Rule = { kind: "anyone" };
export const signedIn: Rule = { kind: "signedIn" };
export const can = (...permissions: readonly [Permission, ...Permission[]]): Rule => ({ kind: "can", permissions });
export const operable: Rule = { kind: "operable" };

/** Who may call a mutation, and what is left of it. */
export interface MutationRule {
  readonly rule: Rule;
  /** `<resource>.<verb>` in the audit log; null where the service leaves a security event instead. */
  readonly action: string | null;
  /** What the audit log calls it where it was refused or failed, if not the same. */
  readonly failure?: string;
}
