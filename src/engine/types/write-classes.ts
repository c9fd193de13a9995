/** The type-graphql classes of a declared type's mutations: inputs and payloads. */
import { type ClassType, Field, ID, InputType, Int, ObjectType } from "type-graphql";
import type { z } from "zod";
import { singularOf, type TypeDeclaration } from "../declaration.js";
import { filterFields } from "../read/filter.js";
import { filterType } from "./filter-type.js";
import { graphqlType, objectType, withArticle } from "./object-type.js";

/**
 * Input fields by name, each with its check; optional where the check admits undefined. A name is a field of the type,
 * `<relation>Id`, or one of the input's own, whose check describes it (`.describe()`).
 */
export type InputFields = Readonly<Record<string, z.ZodType>>;

/** How mutations and the fields of their payloads are named. */
export const namesOf = (type: TypeDeclaration) => ({
  /** Of a mutation of one row, and of many. */
  name: type.name,
  names: type.plural.charAt(0).toUpperCase() + type.plural.slice(1),
  row: singularOf(type),
  rows: type.plural,
  /** In descriptions. */
  words: type.plural.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`),
  deletedId: `deleted${type.name}Id`,
  deletedIds: `deleted${type.name}Ids`,
});

/** Every type has these mutations; an upsert those with a unique key. */
export type Verb = "create" | "createMany" | "update" | "updateMany" | "delete" | "deleteMany" | "upsert";

type Classes = Readonly<Record<Verb, ClassType>>;

/** A class with the name that GraphQL shall see. */
const named = (name: string) => ({ [name]: class {} })[name] as ClassType;

function inputClass(name: string, description: string): ClassType {
  const target = named(name);
  InputType(name, { description })(target);
  return target;
}

function payloadClass(name: string, description: string): ClassType {
  const target = named(name);
  ObjectType(name, { description })(target);
  return target;
}

const add = (target: ClassType, name: string, type: unknown, description: string, nullable = false) =>
  Field(() => type as ClassType, { nullable, description })(target.prototype, name);

/** Adds an input field for each check. */
function addFields(target: ClassType, type: TypeDeclaration, fields: InputFields): ClassType {
  const references = filterFields(type);
  for (const [name, check] of Object.entries(fields)) {
    const field = type.fields[name] ?? references.get(name);
    const fieldType = field ? graphqlType(field).type : name.endsWith("Id") ? ID : String;
    const description = check.description ?? field?.description ?? "";
    add(target, name, fieldType, description, check.safeParse(undefined).success);
  }
  return target;
}

export const KEY =
  "Name this call, and send it again with the same name if its answer is lost: within a day it is done only once.";
const STALE = "a stale one is a CONFLICT.";

interface Fields {
  readonly create: InputFields;
  readonly update: InputFields;
  readonly upsert: InputFields;
  /** Of one row among many. */
  readonly item: InputFields;
  readonly shared: string | undefined;
  readonly maxItems: number;
}

export function inputClasses(type: TypeDeclaration, fields: Fields): Classes {
  const { relations } = type;
  const { name, names, words } = namesOf(type);
  const { shared } = fields;

  const create = addFields(inputClass(`Create${name}Input`, `A new ${name}.`), type, fields.create);
  add(create, "idempotencyKey", String, KEY, true);

  const item = inputClass(`${name}ItemInput`, `One ${name} of those that are created together.`);
  addFields(item, type, fields.item);
  const createMany = inputClass(`Create${names}Input`, `New ${words}: all of them are created, or none.`);
  if (shared) add(createMany, `${shared}Id`, ID, relations[shared]?.description ?? "");
  add(createMany, "items", [item], `At least one, at most ${fields.maxItems.toLocaleString("en")}.`);
  add(createMany, "idempotencyKey", String, KEY, true);

  const update = inputClass(`Update${name}Input`, `Changes to ${withArticle(name)}; what is left out stays.`);
  const remove = inputClass(`Delete${name}Input`, `Which ${name} to delete.`);
  for (const target of [update, remove]) add(target, "id", ID, "Decimal text of the key.");
  add(update, "version", Int, `The version that you saw; ${STALE}`);
  add(remove, "version", Int, `Delete only this version; ${STALE}`, true);
  addFields(update, type, fields.update);

  const changes = inputClass(`${name}ChangesInput`, `The same changes to each ${name}; what is left out stays.`);
  addFields(changes, type, fields.update);
  const updateMany = inputClass(`Update${names}Input`, `Changes to all ${words} that match a filter.`);
  const deleteMany = inputClass(`Delete${names}Input`, `Which ${words} to delete: all that match a filter.`);
  for (const target of [updateMany, deleteMany]) {
    add(target, "filter", filterType(type), "Which rows, of those that you see; `{}` is all of them.");
    const expected =
      "How many rows you expect to match, at most 1,000: if others do, it is a CONFLICT and nothing changes.";
    add(target, "expectedCount", Int, expected);
  }
  add(updateMany, "changes", changes, "At least one.");

  const upsert = inputClass(
    `Upsert${name}Input`,
    `Changes the ${name} with this ${type.uniqueKey}, or creates it. What is left out stays.`,
  );
  addFields(upsert, type, fields.upsert);
  return { create, createMany, update, updateMany, delete: remove, deleteMany, upsert };
}

export function payloadClasses(type: TypeDeclaration, shared: string | undefined): Classes {
  const { relations } = type;
  const { name, names, row, rows, words, deletedId, deletedIds } = namesOf(type);
  const one = (prefix: string, description: string) => {
    const target = payloadClass(`${prefix}${name}Payload`, description);
    add(target, row, objectType(type), "As it is now.");
    return target;
  };
  const many = (prefix: string, description: string, order: string) => {
    const target = payloadClass(`${prefix}${names}Payload`, description);
    add(target, rows, [objectType(type)], order);
    return target;
  };
  const createMany = many("Create", `The ${words} that were created.`, "In the order of the items.");
  const parent = shared === undefined ? undefined : relations[shared]?.to();
  if (shared && parent) add(createMany, shared, objectType(parent), "What they belong to, as it is now.");
  const remove = payloadClass(`Delete${name}Payload`, `The ${name} is gone.`);
  add(remove, deletedId, ID, "The id it had.");
  const deleteMany = payloadClass(`Delete${names}Payload`, `The ${words} are gone.`);
  add(deleteMany, deletedIds, [ID], "The ids they had.");
  const upsert = one("Upsert", `The ${name} that was created or changed.`);
  add(upsert, "created", Boolean, "Whether it is new.");
  return {
    create: one("Create", `The ${name} that was created.`),
    createMany,
    update: one("Update", `The ${name} that was changed.`),
    updateMany: many("Update", `The ${words} that were changed.`, "As they are now, by id."),
    delete: remove,
    deleteMany,
    upsert,
  };
}
