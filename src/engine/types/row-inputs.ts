/** Makes the inputs with which clients change rows of a declared type: a zod schema for each verb. */
import { z } from "zod";
import { absent, checkedId, checkedText, checkedVersion } from "../../values/checked.js";
import { inputObject, showAs } from "../../values/inputs.js";
import { singularOf, type TypeDeclaration } from "../declaration.js";
import { filterFields } from "../read/filter.js";
import { filterType } from "./filter-type.js";
import { inputTypeDescriptionOf } from "./input-type.js";
import { objectTypeWithArticle } from "./object-type.js";

/**
 * The checks of input fields by name. A field is optional where its check admits undefined. A name is a field of the type,
 * `<relation>Id`, or a field of the input alone, whose check must describe it (`.describe()`).
 */
type InputFields = Readonly<Record<string, z.ZodType>>;

/** The mutations that a type may have; only types with a unique key have an upsert. */
export type RowInputVerb = "create" | "createMany" | "update" | "updateMany" | "delete" | "deleteMany" | "upsert";

/** The names of mutations and of the fields of their payloads. */
export const rowInputNamesOf = (type: TypeDeclaration) => ({
  /** Mutations of one row end with `name`, mutations of many rows with `names`. */
  name: type.name,
  names: type.plural.charAt(0).toUpperCase() + type.plural.slice(1),
  row: singularOf(type),
  rows: type.plural,
  /** How descriptions call many rows. */
  words: type.plural.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`),
  deletedId: `deleted${type.name}Id`,
  deletedIds: `deleted${type.name}Ids`,
});

const MAX_ITEMS = 1000;
const MAX_KEY = 100;

/** The input field in which a caller names a call. */
export const idempotencyKeyInput = absent(checkedText(MAX_KEY)).describe(
  "Name this call, and send it again with the same name if its answer is lost: within a day it is done only once.",
);
const STALE = "If the row has changed since, it is a CONFLICT.";

type Input = Readonly<Record<string, unknown>>;
type Keyed = Input & { readonly idempotencyKey?: string | undefined };
interface Matching {
  readonly filter: unknown;
  readonly expectedCount: number;
}
/** A schema whose fields are only known at run time. `T` is what the row service reads of its values. */
type Schema<T> = z.ZodObject & z.ZodType<T>;

export interface RowInputs {
  readonly type: TypeDeclaration;
  /** The most rows that one call creates. */
  readonly maxItems: number;
  /** The relation to the one parent of all items of a call; its id stands beside the list of items. */
  readonly parent: string | undefined;
  readonly create: Schema<Keyed>;
  readonly createMany: Schema<Keyed & { readonly items: readonly Input[] }>;
  readonly update: Schema<Input & { readonly id: string; readonly version: number }>;
  readonly updateMany: Schema<Matching & { readonly changes: Input }>;
  readonly delete: Schema<{ readonly id: string; readonly version?: number | null | undefined }>;
  readonly deleteMany: Schema<Matching>;
  readonly upsert: Schema<Input>;
}

interface RowInputOptions {
  readonly create: InputFields;
  readonly update: InputFields;
  /** The fields of an upsert, where they differ from those of a creation. */
  readonly upsert?: InputFields;
  readonly parent?: string;
  readonly maxItems?: number;
}

/** Gives each check without a description the description of the type's field. */
function withDescriptions(type: TypeDeclaration, fields: InputFields): InputFields {
  const references = filterFields(type);
  return Object.fromEntries(
    Object.entries(fields).map(([name, check]) => {
      const description = (type.fields[name] ?? references.get(name))?.description;
      return [
        name,
        description !== undefined && inputTypeDescriptionOf(check) === undefined ? check.describe(description) : check,
      ];
    }),
  );
}

/** The input field that says how many rows a change by filter is meant for. */
const expectedCount = z
  .number({ error: "Give a number." })
  .int()
  .min(0, "A number of rows is 0 or more.")
  .describe(
    "How many rows you expect to match, at most 1,000. If another number matches, it is a CONFLICT and nothing changes.",
  );

/** Makes the schemas of all verbs for a type. */
export function rowInputs(type: TypeDeclaration, options: RowInputOptions): RowInputs {
  const { parent, maxItems = MAX_ITEMS } = options;
  const { name, names, words } = rowInputNamesOf(type);
  const create = withDescriptions(type, options.create);
  const update = withDescriptions(type, options.update);
  const upsert = options.upsert ? withDescriptions(type, options.upsert) : create;
  const id = checkedId.describe("Decimal text of the key.");
  const filter = showAs(
    { type: () => filterType(type) },
    z.unknown().refine((value) => value !== undefined),
  ).describe("Selects rows among those that you see; `{}` selects all of them.");
  const parentId = parent && { [`${parent}Id`]: checkedId.describe(type.relations[parent]?.description ?? "") };
  const item = inputObject(
    `${name}ItemInput`,
    `One ${name} of those that are created together.`,
    Object.fromEntries(Object.entries(create).filter(([field]) => field !== `${parent}Id`)),
  );
  const items = z
    .array(item)
    .min(1, "Give at least one item.")
    .describe(`The rows to create: at least one, at most ${maxItems.toLocaleString("en")}.`);
  const changes = inputObject(
    `${name}ChangesInput`,
    `The same changes to each ${name}; what is left out stays.`,
    update,
  ).describe("The new values: at least one.");
  const schemas: Record<RowInputVerb, z.ZodObject> = {
    create: inputObject(`Create${name}Input`, `A new ${name}.`, { ...create, idempotencyKey: idempotencyKeyInput }),
    createMany: inputObject(`Create${names}Input`, `New ${words}: all of them are created, or none.`, {
      ...parentId,
      items,
      idempotencyKey: idempotencyKeyInput,
    }),
    update: inputObject(`Update${name}Input`, `Changes to ${objectTypeWithArticle(name)}; what is left out stays.`, {
      ...update,
      id,
      version: checkedVersion.describe(`The version that you saw. ${STALE}`),
    }),
    updateMany: inputObject(`Update${names}Input`, `Changes to all ${words} that match a filter.`, {
      filter,
      expectedCount,
      changes,
    }),
    delete: inputObject(`Delete${name}Input`, `Which ${name} to delete.`, {
      id,
      version: checkedVersion.nullish().describe(`The version that you saw, to delete no other. ${STALE}`),
    }),
    deleteMany: inputObject(`Delete${names}Input`, `Which ${words} to delete: all that match a filter.`, {
      filter,
      expectedCount,
    }),
    upsert: inputObject(
      `Upsert${name}Input`,
      `Changes the ${name} with this ${type.uniqueKey}, or creates it. What is left out stays.`,
      upsert,
    ),
  };
  return { ...(schemas as unknown as Omit<RowInputs, "type" | "maxItems" | "parent">), type, maxItems, parent };
}
