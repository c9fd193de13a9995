/** Who may call the mutations over the rows of a type, and what the audit log calls them. */
import type { MutationRule, Rule } from "../../auth/rules.js";
import { namesOf, type Verb } from "./write-classes.js";
import type { WriteTypes } from "./write-types.js";

const ACTION: Readonly<Record<Verb, string>> = {
  create: "create",
  createMany: "create-many",
  update: "update",
  updateMany: "update-many",
  delete: "delete",
  deleteMany: "delete-many",
  upsert: "upsert",
};

/** @returns the name of each mutation of a type */
export function mutationNames({ type }: WriteTypes): Partial<Record<Verb, string>> {
  const { name, names } = namesOf(type);
  return {
    create: `create${name}`,
    createMany: `create${names}`,
    update: `update${name}`,
    updateMany: `update${names}`,
    delete: `delete${name}`,
    deleteMany: `delete${names}`,
    ...(type.uniqueKey && { upsert: `upsert${name}` }),
  };
}

/** @param rules of verbs that others than usual may call */
export function rowMutations(
  writes: WriteTypes,
  rule: Rule,
  rules: Partial<Record<Verb, Rule>> = {},
): Record<string, MutationRule> {
  const resource = writes.type.name.replaceAll(/(?<!^)[A-Z]/g, (letter) => `-${letter}`).toLowerCase();
  const entries = Object.entries(mutationNames(writes)) as [Verb, string][];
  return Object.fromEntries(
    entries.map(([verb, name]) => [name, { rule: rules[verb] ?? rule, action: `${resource}.${ACTION[verb]}` }]),
  );
}
