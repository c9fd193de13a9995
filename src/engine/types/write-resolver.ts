/** The mutations that create, update and delete rows of a declared type; each body only calls the service. */
import type { GraphQLResolveInfo } from "graphql";
import { Arg, type ClassType, createParameterDecorator, Extensions, Mutation, Resolver } from "type-graphql";
import type { Call } from "../../audit/call.js";
import { notFound } from "../../errors.js";
import { singularOf, type TypeDeclaration } from "../declaration.js";
import type { Returning } from "../read/writing.js";
import { CurrentCall } from "./current-call.js";
import { addFieldResolver } from "./field-resolver.js";
import { objectType, withArticle } from "./object-type.js";
import type { ReadContext } from "./read-resolver.js";
import { namesOf, type Verb } from "./write-classes.js";
import type { WriteTypes } from "./write-types.js";

/** A row that a mutation has changed. */
export interface ChangedRow {
  readonly id: string;
  /** What was asked of it, where the statement that changed it could build that, too. */
  readonly json?: string | undefined;
}

/** What the mutations call. Where one row changes, `returning` asks for its JSON. */
export interface RowService {
  create(call: Call, input: unknown, returning?: Returning): Promise<ChangedRow>;
  /** In the order of the items; `shared` is the id that they share. */
  createMany(call: Call, input: unknown): Promise<{ ids: readonly string[]; shared?: string | undefined }>;
  update(call: Call, input: unknown, returning?: Returning): Promise<ChangedRow>;
  updateMany(call: Call, input: unknown): Promise<readonly string[]>;
  delete(call: Call, input: unknown): Promise<string>;
  deleteMany(call: Call, input: unknown): Promise<readonly string[]>;
  upsert(call: Call, input: unknown, returning?: Returning): Promise<ChangedRow & { readonly created: boolean }>;
}

/** What a mutation returns in the place of a row, or of a list of rows. */
export type Returned = ChangedRow | readonly string[];

/** @returns the id of the row, or the ids of the rows */
export const idsOf = (returned: Returned): string | readonly string[] => ("id" in returned ? returned.id : returned);

/**
 * Marks the mutations that return each of their payload's rows as `Returned`, and beside them scalars. Whoever calls the resolver
 * of one itself gives it, as the parent of its field, the `Returning` of the only row.
 */
export const RETURNS_ROWS = "returnsRows";

const Parent = () => createParameterDecorator(({ root }) => root);

/** @returns a resolver of a payload's fields: reads, through the plan, the rows that a mutation has returned */
export function payloadResolver(
  payload: ClassType,
  fields: Readonly<Record<string, TypeDeclaration>>,
  list = "",
): object {
  @Resolver(() => payload)
  class PayloadResolver {}
  for (const [field, type] of Object.entries(fields)) {
    const read = async (parent: Record<string, Returned>, { reads }: ReadContext, info: GraphQLResolveInfo) => {
      const ids = idsOf(parent[field] as Returned);
      const row = await (typeof ids === "string" ? reads.row(type, ids, info) : reads.rows(type, ids, info));
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
    run: (call: Call, input: object, returning: Returning | undefined) => Promise<object>,
  ) {
    const prototype = WriteResolver.prototype as Record<string, unknown>;
    prototype[field] = run;
    CurrentCall()(prototype, field, 0);
    Arg("input", () => inputs[verb], { description: SUBJECT[verb] })(prototype, field, 1);
    Parent()(prototype, field, 2);
    Mutation(() => payloads[verb], { name: field, nullable: true, description })(prototype, field, {});
    Extensions({ [RETURNS_ROWS]: true })(prototype, field);
  }

  mutation("create", `create${name}`, `Creates ${withArticle(name)}.`, async (call, input, returning) => ({
    [row]: await service.create(call, input, returning),
  }));
  mutation(
    "createMany",
    `create${names}`,
    `Creates ${words}${shared ? ` of one ${shared}` : ""}: all of them, or none.`,
    async (call, input) => {
      const made = await service.createMany(call, input);
      return { [rows]: made.ids, ...(shared && { [shared]: { id: made.shared } }) };
    },
  );
  mutation("update", `update${name}`, `Changes ${withArticle(name)}.`, async (call, input, returning) => ({
    [row]: await service.update(call, input, returning),
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
    mutation("upsert", `upsert${name}`, description, async (call, input, returning) => {
      const made = await service.upsert(call, input, returning);
      return { [row]: made, created: made.created };
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
