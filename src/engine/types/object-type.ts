/** Declarations -> type-graphql classes: enums and object types. */
import type { GraphQLNamedType } from "graphql";
import { type ClassType, Extensions, Field, Float, ID, Int, ObjectType, registerEnumType } from "type-graphql";
import { type EmbeddedField, type EmbeddedType, type FieldDeclaration, type TypeDeclaration } from "../declaration.js";
import { DateTime, JSONScalar } from "./scalars.js";

/**
 * Builds a class once and remembers it under its GraphQL name. type-graphql must know every class before it builds a schema,
 * so each builds those it refers to; only types that refer to each other in a circle wait for the schema. Its storage belongs to the
 * process, as declarations do.
 */
const built = new Map<string, ClassType>();
export function once(name: string, build: (target: ClassType) => void): ClassType {
  const known = built.get(name);
  if (known) return known;
  const target = { [name]: class {} }[name] as ClassType;
  built.set(name, target);
  build(target);
  return target;
}

/** @returns the name of a type with its article */
export const withArticle = (name: string) => `${/^[AEIO]/.test(name) ? "an" : "a"} ${name}`;

/** Declarations belong to the process. */
const enumNames = new Map<object, string>();

/**
 * Registers an enum whose values are their own names, as PostgreSQL labels them.
 * @returns the enum, for type-graphql and for declarations
 */
export function enumOf<const T extends readonly string[]>(
  name: string,
  values: T,
  description: string,
  descriptions: Partial<Record<T[number], string>> = {},
): { readonly [K in T[number]]: K } {
  const enumeration = Object.fromEntries(values.map((value) => [value, value])) as { readonly [K in T[number]]: K };
  const valuesConfig = Object.fromEntries(
    Object.entries<string | undefined>(descriptions).map(([value, text]) => [value, { description: text ?? "" }]),
  );
  registerEnumType(enumeration, { name, description, valuesConfig: valuesConfig as never });
  enumNames.set(enumeration, name);
  return enumeration;
}

/** @returns the name of an enum that is registered, or undefined */
export const enumNameOf = (enumeration: object): string | undefined => enumNames.get(enumeration);

/** The type-graphql type of a field's values, and its GraphQL name. */
export function graphqlType(field: FieldDeclaration | EmbeddedField): { type: object; name: string } {
  const { kind, enumeration } = field;
  switch (kind) {
    case "embedded":
      return shapeType(field.embedded as EmbeddedType);
    case "derived":
      return shapeType((field as FieldDeclaration).derived?.type as EmbeddedType);
    case "id":
    case "opaqueId":
      return { type: ID, name: "ID" };
    case "int":
      return { type: Int, name: "Int" };
    case "float":
      return { type: Float, name: "Float" };
    case "boolean":
      return { type: Boolean, name: "Boolean" };
    case "dateTime":
      return { type: DateTime, name: "DateTime" };
    case "json":
      return { type: JSONScalar, name: "JSON" };
    case "enum":
      return { type: enumeration as object, name: enumNames.get(enumeration as object) ?? "" };
    default:
      return { type: String, name: "String" };
  }
}

type FieldType = object;
/** Adds a field to a class of `once`. */
export const add = (target: ClassType, name: string, type: () => FieldType, description: string, nullable = true) =>
  Field(type as () => ClassType, { nullable, description })(target.prototype, name);

const shapeType = (shape: EmbeddedType) => {
  const type = embeddedType(shape);
  return { type: shape.list ? [type] : type, name: shape.name };
};

/** @returns the object type of what a jsonb column holds */
export function embeddedType({ name, description, fields }: EmbeddedType): ClassType {
  return once(name, (target) => {
    ObjectType(name, { description })(target);
    for (const [fieldName, field] of Object.entries(fields)) {
      // Its resolver declares it.
      if (field.asked) continue;
      const { type } = graphqlType(field);
      add(target, fieldName, () => type, field.description, field.nullable);
    }
  });
}

/** @returns the declaration that a type of the schema is made of, where it is made of one */
export const declarationOf = ({ extensions }: GraphQLNamedType): TypeDeclaration | undefined =>
  extensions.declaration as TypeDeclaration | undefined;

/** @returns the object type of a declaration */
export function objectType(declaration: TypeDeclaration): ClassType {
  return once(declaration.name, (target) => {
    ObjectType(declaration.name, { description: declaration.description })(target);
    Extensions({ declaration })(target);
    for (const [name, field] of Object.entries(declaration.fields)) {
      const { type } = graphqlType(field);
      add(target, name, () => type, field.description, !field.column.notNull);
    }
    for (const [name, relation] of Object.entries(declaration.relations)) {
      if (relation.kind === "one") {
        add(target, name, () => objectType(relation.to()), relation.description, !relation.column.notNull);
      }
    }
  });
}
