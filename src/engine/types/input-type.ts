/** Makes type-graphql input types of zod schemas, so that one schema gives the check, the TypeScript type and the GraphQL type. */
import { type ClassType, Extensions, Float, ID, InputType, Int } from "type-graphql";
import { z } from "zod";
import { shownOf } from "../../values/inputs.js";
import { addTypeField, objectTypeEnumNameOf, typeOnce } from "./object-type.js";
import { DateTime, JSONScalar } from "./scalars.js";

const SCALARS = { ID, DateTime, JSON: JSONScalar } as const;

/** @returns the schema inside one that is optional or transforms its value; undefined where there is none */
function wrapped(schema: z.core.$ZodType): z.core.$ZodType | undefined {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable) return schema.unwrap();
  return schema instanceof z.ZodPipe ? schema.in : undefined;
}

/** @returns the description of a schema, or of the schema inside it */
export function inputTypeDescriptionOf(schema: z.core.$ZodType): string | undefined {
  const inner = wrapped(schema);
  return z.globalRegistry.get(schema)?.description ?? (inner && inputTypeDescriptionOf(inner));
}

/** @returns the type of type-graphql for the values of a schema */
function typeOf(schema: z.core.$ZodType): object {
  const { scalar, type } = shownOf(schema);
  if (type) return type();
  if (scalar) return SCALARS[scalar];
  const inner = wrapped(schema);
  if (inner) return typeOf(inner);
  if (schema instanceof z.ZodString) return String;
  if (schema instanceof z.ZodBoolean) return Boolean;
  if (schema instanceof z.ZodNumber) return schema.format === "safeint" ? Int : Float;
  if (schema instanceof z.ZodEnum && objectTypeEnumNameOf(schema.def.entries)) return schema.def.entries;
  if (schema instanceof z.ZodArray) return [typeOf(schema.element)];
  if (schema instanceof z.ZodObject) return inputType(schema);
  throw new Error(`no GraphQL type for zod's ${schema._zod.def.type}`);
}

/**
 * Makes the input type of a schema that `inputObject` made. The schema
 *
 *     inputObject("CreateVulnerabilityInput", "A new Vulnerability.", {
 *       scanId: idText.describe("The id of the scan."),        // a z.string() that showAs({ scalar: "ID" }) marks
 *       severity: z.enum(Severity).describe("..."),            // an enum that enumOf registered
 *       description: nullable(text(20_000, 0)).describe("..."), // admits undefined, so that clients may leave it out
 *     })
 *
 * becomes this class, whose decorators are called one by one, and so an input type of the schema:
 *
 *     @InputType("CreateVulnerabilityInput", { description: "A new Vulnerability." })
 *     class CreateVulnerabilityInput {
 *       @Field(() => ID, { nullable: false, description: "The id of the scan." }) scanId;
 *       @Field(() => Severity, { nullable: false, description: "..." }) severity;
 *       @Field(() => String, { nullable: true, description: "..." }) description;
 *     }
 */
export function inputType(schema: z.ZodObject): ClassType {
  const { name, description = "", isOneOf } = shownOf(schema);
  if (!name) throw new Error("an input needs a name");
  return typeOnce(name, (target) => {
    InputType(name, { description })(target);
    if (isOneOf) Extensions({ isOneOf })(target);
    for (const [field, check] of Object.entries(schema.shape)) {
      const type = typeOf(check);
      addTypeField(
        target,
        field,
        () => type,
        inputTypeDescriptionOf(check) ?? "",
        z.safeParse(check, undefined).success,
      );
    }
  });
}
