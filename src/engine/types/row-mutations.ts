/** Makes the mutations that create, update and delete rows of a declared type. Each only calls the service. */
import { ID } from "type-graphql";
import type { Call } from "../../audit/call.js";
import type { Rule } from "../../auth/rules.js";
import type { MutatedRow, Mutation, MutationPayload } from "../mutation.js";
import { nodeIdOf } from "../read/node-id.js";
import type { WritingReturn } from "../read/writing.js";
import { objectTypeWithArticle } from "./object-type.js";
import { type RowInputs, type RowInputVerb, rowInputNamesOf } from "./row-inputs.js";

/** The service behind the mutations. Where one row changes, `returning` asks for its JSON. */
export interface RowMutationService {
  create(call: Call, input: unknown, returning?: WritingReturn): Promise<MutatedRow>;
  /** Returns the ids in the order of the items, and the id of the parent that they share. */
  createMany(call: Call, input: unknown): Promise<{ ids: readonly string[]; parent?: string | undefined }>;
  update(call: Call, input: unknown, returning?: WritingReturn): Promise<MutatedRow>;
  updateMany(call: Call, input: unknown): Promise<readonly string[]>;
  delete(call: Call, input: unknown): Promise<string>;
  deleteMany(call: Call, input: unknown): Promise<readonly string[]>;
  upsert(call: Call, input: unknown, returning?: WritingReturn): Promise<MutatedRow & { readonly created: boolean }>;
}

/** What the audit log calls a verb, after the resource and a dot. */
const ACTION: Readonly<Record<RowInputVerb, string>> = {
  create: "create",
  createMany: "create-many",
  update: "update",
  updateMany: "update-many",
  delete: "delete",
  deleteMany: "delete-many",
  upsert: "upsert",
};

/** The description of the argument `input`. */
const WHAT: Readonly<Record<RowInputVerb, string>> = {
  create: "What to create.",
  createMany: "What to create.",
  update: "What to change.",
  updateMany: "What to change.",
  delete: "What to delete.",
  deleteMany: "What to delete.",
  upsert: "What to change or to create.",
};

function payloadsOf({ type, parent }: RowInputs): Readonly<Record<RowInputVerb, MutationPayload>> {
  const { name, names, row, rows, words, deletedId, deletedIds } = rowInputNamesOf(type);
  const rowField = { [row]: { row: type, description: `The ${name} as it is now.` } };
  const parentType = parent === undefined ? undefined : type.relations[parent]?.to();
  const parentField = parent &&
    parentType && { [parent]: { row: parentType, description: `The ${parent} to which they belong, as it is now.` } };
  return {
    create: { name: `Create${name}Payload`, description: `The ${name} that was created.`, fields: rowField },
    createMany: {
      name: `Create${names}Payload`,
      description: `The ${words} that were created.`,
      fields: { [rows]: { rows: type, description: `The ${words} in the order of the items.` }, ...parentField },
    },
    update: { name: `Update${name}Payload`, description: `The ${name} that was changed.`, fields: rowField },
    updateMany: {
      name: `Update${names}Payload`,
      description: `The ${words} that were changed.`,
      fields: { [rows]: { rows: type, description: `The ${words} as they are now, ordered by id.` } },
    },
    delete: {
      name: `Delete${name}Payload`,
      description: `The ${name} is gone.`,
      fields: {
        [deletedId]: { value: ID, description: "The id it had." },
        deletedNodeId: { value: ID, description: "The node id it had." },
      },
    },
    deleteMany: {
      name: `Delete${names}Payload`,
      description: `The ${words} are gone.`,
      fields: {
        [deletedIds]: { value: [ID], description: "The ids they had." },
        deletedNodeIds: { value: [ID], description: "The node ids they had, in the same order." },
      },
    },
    upsert: {
      name: `Upsert${name}Payload`,
      description: `The ${name} that was created or changed.`,
      fields: { ...rowField, created: { value: Boolean, description: "Whether it is new." } },
    },
  };
}

function runsOf(
  { type, parent }: RowInputs,
  service: RowMutationService,
): Readonly<Record<RowInputVerb, Mutation["run"]>> {
  const { row, rows, deletedId, deletedIds } = rowInputNamesOf(type);
  return {
    create: async (call, input, { returning }) => ({ [row]: await service.create(call, input, returning) }),
    async createMany(call, input) {
      const created = await service.createMany(call, input);
      return { [rows]: created.ids, ...(parent && { [parent]: { id: created.parent } }) };
    },
    update: async (call, input, { returning }) => ({ [row]: await service.update(call, input, returning) }),
    updateMany: async (call, input) => ({ [rows]: await service.updateMany(call, input) }),
    async delete(call, input) {
      const id = await service.delete(call, input);
      return { [deletedId]: id, deletedNodeId: nodeIdOf(type, id) };
    },
    async deleteMany(call, input) {
      const ids = await service.deleteMany(call, input);
      return { [deletedIds]: ids, deletedNodeIds: ids.map((id) => nodeIdOf(type, id)) };
    },
    async upsert(call, input, { returning }) {
      const changed = await service.upsert(call, input, returning);
      return { [row]: changed, created: changed.created };
    },
  };
}

/**
 * @param names the mutations by their names in the schema, each with its verb
 * @param rule who may call them
 * @param rules who may call the mutations of single verbs, where that differs
 */
export function rowMutations(
  inputs: RowInputs,
  service: RowMutationService,
  names: Readonly<Record<string, RowInputVerb>>,
  rule: Rule,
  rules: Partial<Record<RowInputVerb, Rule>> = {},
): Record<string, Mutation> {
  const { type, parent } = inputs;
  const { name: one, names: many, words } = rowInputNamesOf(type);
  const payloads = payloadsOf(inputs);
  const runs = runsOf(inputs, service);
  const resource = one.replaceAll(/(?<!^)[A-Z]/g, (letter) => `-${letter}`).toLowerCase();
  const DESCRIPTION: Record<RowInputVerb, string> = {
    create: `Creates ${objectTypeWithArticle(one)}.`,
    createMany: `Creates ${words}${parent ? ` of one ${parent}` : ""}: all of them, or none.`,
    update: `Changes ${objectTypeWithArticle(one)}.`,
    updateMany: `Changes all ${words} that match a filter.`,
    delete: `Deletes ${objectTypeWithArticle(one)}.`,
    deleteMany: `Deletes all ${words} that match a filter.`,
    upsert: `Changes the ${one} with this ${type.uniqueKey}, or creates it.`,
  };
  const mutations = Object.entries(names).map(([name, verb]): [string, Mutation] => {
    const usual = verb.endsWith("Many") ? `${verb.slice(0, -"Many".length)}${many}` : `${verb}${one}`;
    if (name !== usual) throw new Error(`${name} is to be called ${usual}`);
    return [
      name,
      {
        rule: rules[verb] ?? rule,
        action: `${resource}.${ACTION[verb]}`,
        description: DESCRIPTION[verb],
        input: { schema: inputs[verb], what: WHAT[verb] },
        payload: payloads[verb],
        isPlanned: true,
        ...(verb.endsWith("Many") && { tier: "bulk" }),
        run: runs[verb],
      },
    ];
  });
  return Object.fromEntries(mutations);
}
