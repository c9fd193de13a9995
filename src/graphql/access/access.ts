/** The permission map: the rules of all modules. A root field that no module names is refused. */
import type { Rule } from "../../auth/rules.js";
import { can, signedIn } from "../../auth/rules.js";
import { declaredQueryPermissions, singularOf, type TypeDeclaration } from "../../engine/declaration.js";
import type { Mutation } from "../../engine/mutation.js";
import type { LiveType } from "../../engine/types/live-fields.js";
import type { Module } from "../../module.js";
import { sum } from "../../values/sum.js";

export interface AccessMap {
  readonly queries: Readonly<Record<string, Rule>>;
  readonly mutations: Readonly<Record<string, Mutation>>;
  readonly subscriptions: Readonly<Record<string, Rule>>;
  /** @returns what the audit log calls a mutation, or null where it keeps no record of it */
  actionOf(mutation: string): string | null;
  /** @returns what the audit log calls a mutation that was refused or failed */
  failureOf(mutation: string): string | null;
}

/** @returns the rules of both root fields of a type */
function rootRules(type: TypeDeclaration): Record<string, Rule> {
  const rule = can(...declaredQueryPermissions(type));
  return { [singularOf(type)]: rule, [type.plural]: rule };
}

/** @returns the rules of the subscriptions of a type, which are those of its queries */
function liveRules({ type, one, many }: LiveType): Record<string, Rule> {
  const rule = can(...declaredQueryPermissions(type));
  return { [many.name]: rule, ...(one && { [one.name]: rule }) };
}

/** Rows by their node ids. Beyond this rule each row is under that of its type. */
const NODE_RULES = { node: signedIn, nodes: signedIn };

/** Merges the rules of all modules. @throws Error where two modules name the same root field */
export function sumAccess(modules: readonly Module[]): AccessMap {
  const types = modules.flatMap(({ types = [] }) => types);
  const queries = sum("query", [NODE_RULES, ...types.map(rootRules), ...modules.map(({ queries = {} }) => queries)]);
  const mutations = sum(
    "mutation",
    modules.map(({ mutations = {} }) => mutations),
  );
  const subscriptions = sum("subscription", modules.flatMap(({ live = [] }) => live).map(liveRules));
  const actionOf = (mutation: string) => mutations[mutation]?.action ?? null;
  return {
    queries,
    mutations,
    subscriptions,
    actionOf,
    failureOf: (mutation) => mutations[mutation]?.failure ?? actionOf(mutation),
  };
}
