/** Rules say as plain data who may call a root field. Modules state them, and graphql/access enforces them. */
import type { Permission } from "./permissions.js";

export type Rule =
  /** Everybody, signed in or not. The service decides. */
  | { readonly kind: "anyone" }
  | { readonly kind: "signedIn" }
  /** Everybody who holds any of the permissions. */
  | { readonly kind: "can"; readonly permissions: readonly [Permission, ...Permission[]] }
  /** Everybody who may run operations, on an instance that is not PRODUCTION. The input names it, or an operation on it. */
  | { readonly kind: "operable"; readonly by: "instanceId" | "operationId" };

export const anyone: Rule = { kind: "anyone" };
export const signedIn: Rule = { kind: "signedIn" };
export const can = (...permissions: readonly [Permission, ...Permission[]]): Rule => ({ kind: "can", permissions });
export const operable: Rule = { kind: "operable", by: "instanceId" };
export const operableAgain: Rule = { kind: "operable", by: "operationId" };

/** Who may call a mutation, and how it is recorded. */
export interface MutationRule {
  readonly rule: Rule;
  /** `<resource>.<verb>` in the audit log; null where the service records a security event instead. */
  readonly action: string | null;
  /** The action in the audit log where the call was refused or failed, if it differs. */
  readonly failure?: string;
}
