/** Makes type-graphql classes of declarations: enums and object types. */
import type { GraphQLNamedType } from "graphql";
import {
  type ClassType,
  Extensions,
  Field,
  Float,
  ID,
  Int,
  InterfaceType,
  ObjectType,
  registerEnumType,
} from "type-graphql";
import {
  type DerivedValue,
  type EmbeddedField,
  type EmbeddedType,
  type FieldDeclaration,
  type TypeDeclaration,
} from "../declaration.js";
import { NODE_INTERFACE } from "../read/node-id.js";
import { READ_TYPE } from "../read/reads.js";
import { DateTime, JSONScalar } from "./scalars.js";

/** Classes belong to the process, as declarations and the storage of type-graphql do. */
const classes = new Map<string, ClassType>();

/**
 * Makes the class of a GraphQL type at its first call, and returns the same class from then on. The class enters the map before it is
 * built, so that types may refer to each other in a circle. From the declaration
 *
 *     { name: "Scan", description: "A scan.", ...,
 *       fields: { id: field(scans.id, "Key."), scanType: field(scans.scanType, "What kind.") },
 *       relations: { organization: one(() => Organization, scans.organizationId, "Whose scan it is.") } }
 *
 * `objectType` makes, with `once` and `add`, the class that one would otherwise write by hand:
 *
 *     @ObjectType("Scan", { description: "A scan." }) @Extensions({ declaration })
 *     class Scan {
 *       @Field(() => ID, { nullable: false, description: "Key." }) id; // NOT NULL makes the field non-null
 *       @Field(() => String, { nullable: false, description: "What kind." }) scanType;
 *       @Field(() => objectType(Organization), { nullable: false, description: "Whose scan it is." }) organization;
 *     }
 */
export function typeOnce(name: string, build: (target: ClassType) => void): ClassType {
  const known = classes.get(name);
  if (known) return known;
  const target = { [name]: class {} }[name] as ClassType;
  classes.set(name, target);
  build(target);
  return target;
}

/** @returns the name of a type with its article */
export const objectTypeWithArticle = (name: string) => `${/^[AEIO]/.test(name) ? "an" : "a"} ${name}`;

/** The GraphQL names of the registered enums, which belong to the process, as declarations do. */
const enumNames = new Map<object, string>();

/**
 * Registers an enum whose values are their own names, as PostgreSQL labels them.
 * @returns the enum, for type-graphql and for declarations
 */
export function enumTypeOf<const T extends readonly string[]>(
  name: string,
  values: T,
  description: string,
  descriptions: Readonly<Record<T[number], string>>,
): { readonly [K in T[number]]: K } {
  const enumeration = Object.fromEntries(values.map((value) => [value, value])) as { readonly [K in T[number]]: K };
  const valuesConfig = Object.fromEntries(
    Object.entries<string>(descriptions).map(([value, description]) => [value, { description }]),
  );
  registerEnumType(enumeration, { name, description, valuesConfig: valuesConfig as never });
  enumNames.set(enumeration, name);
  return enumeration;
}

/** @returns the name of a registered enum, or undefined */
export const objectTypeEnumNameOf = (enumeration: object): string | undefined => enumNames.get(enumeration);

/** @returns the type-graphql type of a field's values, and its GraphQL name */
export function graphqlType(field: FieldDeclaration | EmbeddedField): { type: object; name: string } {
  const { kind, enumeration } = field;
  switch (kind) {
    case "embedded":
      return shapeType(field.embedded as EmbeddedType);
    case "derived": {
      const { type } = (field as FieldDeclaration).derived as DerivedValue;
      return type === "boolean" ? { type: Boolean, name: "Boolean" } : shapeType(type);
    }
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
/** Adds a field to a class that `once` makes. */
export const addTypeField = (
  target: ClassType,
  name: string,
  type: () => FieldType,
  description: string,
  nullable = true,
) => Field(type as () => ClassType, { nullable, description })(target.prototype, name);

const shapeType = (shape: EmbeddedType) => {
  const type = embeddedType(shape);
  return { type: shape.list ? [type] : type, name: shape.name };
};

/** @returns the object type of the JSON that a column holds */
export function embeddedType({ name, description, fields }: EmbeddedType): ClassType {
  return typeOnce(name, (target) => {
    ObjectType(name, { description })(target);
    for (const [fieldName, field] of Object.entries(fields)) {
      // The field's resolver declares it.
      if (field.fetched) continue;
      const { type } = graphqlType(field);
      addTypeField(target, fieldName, () => (field.list ? [type] : type), field.description, field.nullable);
    }
  });
}

/** type-graphql adds the fields of the interface to each type that implements it. */
@InterfaceType(NODE_INTERFACE, {
  description: "An object with an id of its own, unique among the objects of all types.",
  resolveType: (row: { [READ_TYPE]: string }) => row[READ_TYPE],
})
export abstract class NodeObject {
  @Field(() => ID, {
    description:
      "Names the object among those of all types: give it to `node` as it is. `id` is unique only within the type.",
  })
  nodeId!: string;
}

/** @returns the declaration that a type of the schema was made of, or undefined */
export const declarationOfObjectType = ({ extensions }: GraphQLNamedType): TypeDeclaration | undefined =>
  extensions.declaration as TypeDeclaration | undefined;

/** @returns the object type of a declaration */
export function objectType(declaration: TypeDeclaration): ClassType {
  return typeOnce(declaration.name, (target) => {
    // A relation that is declared later would be missing in the class.
    Object.freeze(declaration.relations);
    const { description, isFace = false } = declaration;
    ObjectType(declaration.name, { description, ...(!isFace && { implements: NodeObject }) })(target);
    Extensions({ declaration })(target);
    for (const [name, field] of Object.entries(declaration.fields)) {
      const { type } = graphqlType(field);
      addTypeField(target, name, () => type, field.description, !field.column.notNull);
    }
    for (const [name, relation] of Object.entries(declaration.relations)) {
      if (relation.kind === "one") {
        addTypeField(target, name, () => objectType(relation.to()), relation.description, !relation.column.notNull);
      }
    }
  });
}
