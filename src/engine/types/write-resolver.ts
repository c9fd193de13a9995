/** The mutations that create, update and delete rows of a declared type; each body only calls the service. */
import type { GraphQLResolveInfo } from "graphql";
import { Arg, type ClassType, Extensions, Mutation, Resolver } from "type-graphql";
import type { Call } from "../../audit/call.js";
import { notFound } from "../../errors.js";
import { singularOf, type TypeDeclaration } from "../declaration.js";
import { CurrentCall } from "./current-call.js";
import { addFieldResolver } from "./field-resolver.js";
import { objectType, withArticle } from "./object-type.js";
import type { ReadContext } from "./read-resolver.js";
import { namesOf, type Verb } from "./write-classes.js";
import type { WriteTypes } from "./write-types.js";

/** What the mutations call; each answers the ids of the rows. */
export interface RowService {
  create(call: Call, input: unknown): Promise<string>;
  /** In the order of the items; `shared` is the id that they share. */
  createMany(call: Call, input: unknown): Promise<{ ids: string[]; shared?: string | undefined }>;
  update(call: Call, input: unknown): Promise<string>;
  updateMany(call: Call, input: unknown): Promise<string[]>;
  delete(call: Call, input: unknown): Promise<string>;
  deleteMany(call: Call, input: unknown): Promise<string[]>;
  upsert(call: Call, input: unknown): Promise<{ id: string; created: boolean }>;
}

type Left = Record<string, string | string[]>;

/** Marks the mutations whose payload's rows are read by the ids that the resolver leaves there, and whose other values are scalars. */
export const LEAVES_IDS = "leavesIds";

/** @returns a resolver of a payload's fields: reads, through the plan, the rows whose ids a mutation left there */
export function payloadResolver(
  payload: ClassType,
  fields: Readonly<Record<string, TypeDeclaration>>,
  list = "",
): object {
  @Resolver(() => payload)
  class PayloadResolver {}
  for (const [field, type] of Object.entries(fields)) {
    const read = async (parent: Left, context: ReadContext, info: GraphQLResolveInfo) => {
      const left = parent[field] as string | string[];
      const { reads } = context;
      const row = await (Array.isArray(left) ? reads.rows(type, left, info) : reads.row(type, left, info));
      // Somebody has deleted it meanwhile.
      if (row === null) throw notFound(singularOf(type));
      return row;
    };
    const returned = objectType(type);
    addFieldResolver(PayloadResolver, field, () => (field === list ? [returned] : returned) as ClassType, read);
  }
  return new PayloadResolver();
}

/** @returns resolver instances, for the container */
export function writeResolvers(writes: WriteTypes, service: RowService): object[] {
  const { type, shared } = writes;
  const { inputs, payloads } = writes.classes();
  const { name, names, row, rows, words, deletedId, deletedIds } = namesOf(type);
  const parent = shared === undefined ? undefined : type.relations[shared]?.to();

  @Resolver()
  class WriteResolver {}

  const SUBJECT: Record<Verb, string> = {
    create: "What to create.",
    createMany: "What to create.",
    update: "What to change.",
    updateMany: "What to change.",
    delete: "What to delete.",
    deleteMany: "What to delete.",
    upsert: "What there shall be.",
  };

  function mutation(
    verb: Verb,
    field: string,
    description: string,
    run: (call: Call, input: object) => Promise<object>,
  ) {
    const prototype = WriteResolver.prototype as Record<string, unknown>;
    prototype[field] = run;
    CurrentCall()(prototype, field, 0);
    Arg("input", () => inputs[verb], { description: SUBJECT[verb] })(prototype, field, 1);
    Mutation(() => payloads[verb], { name: field, nullable: true, description })(prototype, field, {});
    Extensions({ [LEAVES_IDS]: true })(prototype, field);
  }

  mutation("create", `create${name}`, `Creates ${withArticle(name)}.`, async (call, input) => ({
    [row]: await service.create(call, input),
  }));
  mutation(
    "createMany",
    `create${names}`,
    `Creates ${words}${shared ? ` of one ${shared}` : ""}: all of them, or none.`,
    async (call, input) => {
      const made = await service.createMany(call, input);
      return { [rows]: made.ids, ...(shared && { [shared]: made.shared }) };
    },
  );
  mutation("update", `update${name}`, `Changes ${withArticle(name)}.`, async (call, input) => ({
    [row]: await service.update(call, input),
  }));
  mutation("updateMany", `update${names}`, `Changes all ${words} that match a filter.`, async (call, input) => ({
    [rows]: await service.updateMany(call, input),
  }));
  mutation("delete", `delete${name}`, `Deletes ${withArticle(name)}.`, async (call, input) => ({
    [deletedId]: await service.delete(call, input),
  }));
  mutation("deleteMany", `delete${names}`, `Deletes all ${words} that match a filter.`, async (call, input) => ({
    [deletedIds]: await service.deleteMany(call, input),
  }));
  const { uniqueKey } = type;
  if (uniqueKey) {
    const description = `Changes the ${name} with this ${uniqueKey}, or creates it.`;
    mutation("upsert", `upsert${name}`, description, async (call, input) => {
      const { id, created } = await service.upsert(call, input);
      return { [row]: id, created };
    });
  }

  return [
    new WriteResolver(),
    ...[payloads.create, payloads.update, ...(uniqueKey ? [payloads.upsert] : [])].map((payload) =>
      payloadResolver(payload, { [row]: type }),
    ),
    payloadResolver(payloads.createMany, { [rows]: type, ...(shared && parent && { [shared]: parent }) }, rows),
    payloadResolver(payloads.updateMany, { [rows]: type }, rows),
  ];
}
