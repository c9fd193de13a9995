/** The write side of a declared type: inputs and payloads of its create, update and delete mutations, and the checks of the inputs. */
import { type ClassType, Field, ID, InputType, Int, ObjectType } from "type-graphql";
import { z } from "zod";
import type { TypeDeclaration } from "../plan/declaration.js";
import { filterFields } from "../plan/filter.js";
import { idText, versionNumber } from "./checked.js";
import { graphqlType, objectType } from "./object-type.js";

/**
 * Input fields by name, each with its check; optional where the check admits undefined. A name is a field of the type,
 * `<relation>Id`, or one of the input's own, whose check describes it (`.describe()`).
 */
export type InputFields = Readonly<Record<string, z.ZodType>>;

type Input = Readonly<Record<string, unknown>>;

export interface WriteTypes {
  readonly type: TypeDeclaration;
  readonly create: z.ZodType<Input>;
  readonly update: z.ZodType<Input & { readonly id: string; readonly version: number }>;
  readonly delete: typeof deletion;
  readonly classes: Readonly<
    Record<
      "createInput" | "updateInput" | "deleteInput" | "createPayload" | "updatePayload" | "deletePayload",
      ClassType
    >
  >;
  /** The payload's field: `scan`. */
  readonly field: string;
  /** The delete payload's field: `deletedScanId`. */
  readonly deletedField: string;
}

const deletion = z.object({ id: idText, version: versionNumber.nullish() });

const lowerFirst = (name: string) => name.charAt(0).toLowerCase() + name.slice(1);

/** A class with the name that GraphQL shall see. */
const named = (name: string) => ({ [name]: class {} })[name] as ClassType;

function inputClass(name: string, description: string): ClassType {
  const target = named(name);
  InputType(name, { description })(target);
  return target;
}

/** Adds an input field for each check. */
function addFields(target: ClassType, type: TypeDeclaration, fields: InputFields): ClassType {
  const references = filterFields(type);
  for (const [name, check] of Object.entries(fields)) {
    const field = type.fields[name] ?? references.get(name);
    const fieldType = field ? graphqlType(field).type : name.endsWith("Id") ? ID : String;
    Field(() => fieldType as ClassType, {
      nullable: check.safeParse(undefined).success,
      description: check.description ?? field?.description ?? "",
    })(target.prototype, name);
  }
  return target;
}

function payloadClass(name: string, description: string, type: TypeDeclaration): ClassType {
  const target = named(name);
  ObjectType(name, { description })(target);
  Field(() => objectType(type), { description: "As it is now." })(target.prototype, lowerFirst(type.name));
  return target;
}

export function writeTypes(
  type: TypeDeclaration,
  inputs: { readonly create: InputFields; readonly update: InputFields },
): WriteTypes {
  const { name } = type;
  const deletedField = `deleted${name}Id`;
  const createInput = addFields(inputClass(`Create${name}Input`, `A new ${name}.`), type, inputs.create);
  const updateInput = inputClass(`Update${name}Input`, `Changes to a ${name}; what is left out stays.`);
  const deleteInput = inputClass(`Delete${name}Input`, `Which ${name} to delete.`);
  for (const target of [updateInput, deleteInput]) {
    Field(() => ID, { description: "Decimal text of the key." })(target.prototype, "id");
  }
  const stale = "a stale one is a CONFLICT.";
  Field(() => Int, { description: `The version that you saw; ${stale}` })(updateInput.prototype, "version");
  Field(() => Int, { nullable: true, description: `Delete only this version; ${stale}` })(
    deleteInput.prototype,
    "version",
  );
  addFields(updateInput, type, inputs.update);
  const deletePayload = named(`Delete${name}Payload`);
  ObjectType(`Delete${name}Payload`, { description: `The ${name} is gone.` })(deletePayload);
  Field(() => ID, { description: "The id it had." })(deletePayload.prototype, deletedField);
  return {
    type,
    create: z.object(inputs.create),
    update: z.object({ ...inputs.update, id: idText, version: versionNumber }),
    delete: deletion,
    classes: {
      createInput,
      updateInput,
      deleteInput,
      createPayload: payloadClass(`Create${name}Payload`, `The ${name} that was created.`, type),
      updatePayload: payloadClass(`Update${name}Payload`, `The ${name} that was changed.`, type),
      deletePayload,
    },
    field: lowerFirst(name),
    deletedField,
  };
}
