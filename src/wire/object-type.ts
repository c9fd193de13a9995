/** Declarations -> type-graphql classes: object types with their connections, filters and orders. */
import { ArgsType, type ClassType, Field, Float, ID, InputType, Int, ObjectType, registerEnumType } from "type-graphql";
import type { EmbeddedField, EmbeddedType, FieldDeclaration, TypeDeclaration } from "../plan/declaration.js";
import { filterFields, OPERATORS, OPERATORS_OF } from "../plan/filter.js";
import { orderFields } from "../plan/order.js";
import { ORDER_DIRECTION, orderFieldName } from "../plan/shape.js";
import { DateTime, JSONScalar } from "./scalars.js";

/**
 * Builds a class once and remembers it under its GraphQL name. type-graphql must know every class before it builds a schema,
 * so each builds those it refers to; only types that refer to each other in a circle wait for the schema.
 */
const built = new Map<string, ClassType>();
function once(name: string, build: (target: ClassType) => void): ClassType {
  const known = built.get(name);
  if (known) return known;
  const target = { [name]: class {} }[name] as ClassType;
  built.set(name, target);
  build(target);
  return target;
}

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

export const OrderDirection = enumOf(
  ORDER_DIRECTION,
  ["ASC", "DESC"],
  "Smallest or largest first. Absent values count as the smallest.",
);

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
const add = (target: ClassType, name: string, type: () => FieldType, description: string, nullable = true) =>
  Field(type as () => ClassType, { nullable, description })(target.prototype, name);

@ObjectType({ description: "Where a page stands in its list." })
export class PageInfo {
  @Field(() => Boolean, { description: "Whether the list goes on after this page." })
  hasNextPage!: boolean;
  @Field(() => Boolean, { description: "Whether the list has items before this page." })
  hasPreviousPage!: boolean;
  @Field(() => String, { nullable: true, description: "The cursor of the first item; null on an empty page." })
  startCursor?: string;
  @Field(() => String, { nullable: true, description: "The cursor of the last item; null on an empty page." })
  endCursor?: string;
}

const shapeType = (shape: EmbeddedType) => {
  const type = embeddedType(shape);
  return { type: shape.list ? [type] : type, name: shape.name };
};

/** @returns the object type of what a jsonb column holds */
function embeddedType({ name, description, fields }: EmbeddedType): ClassType {
  return once(name, (target) => {
    ObjectType(name, { description })(target);
    for (const [fieldName, field] of Object.entries(fields)) {
      const { type } = graphqlType(field);
      add(target, fieldName, () => type, field.description, field.nullable);
    }
  });
}

/** @returns the object type of a declaration */
export function objectType(declaration: TypeDeclaration): ClassType {
  return once(declaration.name, (target) => {
    ObjectType(declaration.name, { description: declaration.description })(target);
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

/** @returns the Relay connection type of a declaration */
export function connectionType(declaration: TypeDeclaration): ClassType {
  const { name } = declaration;
  const node = objectType(declaration);
  const edge = once(`${name}Edge`, (target) => {
    ObjectType(`${name}Edge`, { description: `A ${name} in a list.` })(target);
    add(target, "cursor", () => String, "Pass it as `after` or `before` to go on from here.", false);
    add(target, "node", () => node, "The item.", false);
  });
  return once(`${name}Connection`, (target) => {
    ObjectType(`${name}Connection`, { description: `A page of a list of ${name}.` })(target);
    add(target, "edges", () => [edge], "The items with their cursors.", false);
    add(target, "nodes", () => [node], "The items.", false);
    add(target, "pageInfo", () => PageInfo, "Where the page stands in the list.", false);
    add(target, "totalCount", () => Int, "How many items the whole list has. Counted only when asked for.", false);
  });
}

function operatorsType(field: FieldDeclaration): ClassType {
  const { type, name } = graphqlType(field);
  return once(`${name}Filter`, (target) => {
    InputType(`${name}Filter`, { description: `Conditions on a ${name}; all of them must hold.` })(target);
    for (const operator of OPERATORS_OF[field.kind]) {
      const { operand, description } = OPERATORS[operator];
      const operandType = { value: type, list: [type], flag: Boolean }[operand];
      add(target, operator, () => operandType, description);
    }
  });
}

export function filterType(declaration: TypeDeclaration): ClassType {
  const { name } = declaration;
  return once(`${name}Filter`, (target) => {
    InputType(`${name}Filter`, {
      description: `Which ${name} rows to list; all conditions must hold. A condition on an absent value does not hold.`,
    })(target);
    for (const [fieldName, field] of filterFields(declaration)) {
      const operators = operatorsType(field);
      add(target, fieldName, () => operators, field.description);
    }
    add(target, "and", () => [target], "All of these hold.");
    add(target, "or", () => [target], "At least one of these holds.");
    add(target, "not", () => target, "This does not hold.");
  });
}

function orderType(declaration: TypeDeclaration): ClassType {
  const { name } = declaration;
  return once(`${name}Order`, (target) => {
    const fields = orderFields(declaration);
    const fieldEnum = enumOf(
      orderFieldName(name),
      [...fields.keys()],
      `What a list of ${name} can be ordered by.`,
      Object.fromEntries([...fields].map(([value, field]) => [value, declaration.fields[field]!.description])),
    );
    InputType(`${name}Order`, { description: `One term of the order of a list of ${name}.` })(target);
    add(target, "field", () => fieldEnum, "What to order by.", false);
    Field(() => OrderDirection as unknown as ClassType, { defaultValue: "ASC", description: "Which way." })(
      target.prototype,
      "direction",
    );
  });
}

/** @returns the arguments of the connections over a declaration */
export function connectionArgs(declaration: TypeDeclaration): ClassType {
  return once(`${declaration.name}ConnectionArgs`, (target) => {
    const [filter, order] = [filterType(declaration), orderType(declaration)];
    ArgsType()(target);
    add(target, "first", () => Int, "How many items from the start: 20 unless given, at most 100.");
    add(target, "after", () => String, "Only items after this cursor.");
    add(target, "last", () => Int, "How many items from the end, at most 100.");
    add(target, "before", () => String, "Only items before this cursor.");
    add(target, "filter", () => filter, "Which items.");
    add(target, "orderBy", () => [order], "The order; newest first unless given. Ties are broken by id.");
  });
}
