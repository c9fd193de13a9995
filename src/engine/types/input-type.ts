/** Schemas of zod -> type-graphql input types: one schema gives the check, the TypeScript type and what clients see. */
import { type ClassType, Float, ID, InputType, Int } from "type-graphql";
import { z } from "zod";
import { shownOf } from "../../values/inputs.js";
import { add, enumNameOf, once } from "./object-type.js";
import { DateTime, JSONScalar } from "./scalars.js";

const SCALARS = { ID, DateTime, JSON: JSONScalar } as const;

/** @returns what a schema wraps to make it optional, or to turn its value into another; undefined where it wraps nothing */
function wrapped(schema: z.core.$ZodType): z.core.$ZodType | undefined {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable) return schema.unwrap();
  return schema instanceof z.ZodPipe ? schema.in : undefined;
}

/** @returns the description of a schema, or of what it wraps */
export function descriptionOf(schema: z.core.$ZodType): string | undefined {
  const inner = wrapped(schema);
  return z.globalRegistry.get(schema)?.description ?? (inner && descriptionOf(inner));
}

function typeOf(schema: z.core.$ZodType): object {
  const { scalar, type } = shownOf(schema);
  if (type) return type();
  if (scalar) return SCALARS[scalar];
  const inner = wrapped(schema);
  if (inner) return typeOf(inner);
  if (schema instanceof z.ZodString) return String;
  if (schema instanceof z.ZodBoolean) return Boolean;
  if (schema instanceof z.ZodNumber) return schema.format === "safeint" ? Int : Float;
  if (schema instanceof z.ZodEnum && enumNameOf(schema.def.entries)) return schema.def.entries;
  if (schema instanceof z.ZodArray) return [typeOf(schema.element)];
  if (schema instanceof z.ZodObject) return inputType(schema);
  throw new Error(`no GraphQL type for zod's ${schema._zod.def.type}`);
}

/** @returns the input type of a schema that `inputObject` made */
export function inputType(schema: z.ZodObject): ClassType {
  const { name, description = "" } = shownOf(schema);
  if (!name) throw new Error("an input needs a name");
  return once(name, (target) => {
    InputType(name, { description })(target);
    for (const [field, check] of Object.entries(schema.shape)) {
      const type = typeOf(check);
      add(target, field, () => type, descriptionOf(check) ?? "", z.safeParse(check, undefined).success);
    }
  });
}
