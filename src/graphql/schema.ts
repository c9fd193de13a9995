/** Builds the schema that Apollo serves, of resolvers, declarations and the permission map, with doors before every root field. */
import { createRequire } from "node:module";
import {
  type GraphQLFieldResolver,
  GraphQLObjectType,
  GraphQLSchema,
  isEnumType,
  isInputObjectType,
  isIntrospectionType,
  isObjectType,
} from "graphql";
import { buildSchemaSync, type ClassType, type NonEmptyArray } from "type-graphql";
import type { Permission } from "../auth/permissions.js";
import {
  type EmbeddedType,
  mayReadDeclared,
  missingDeclaredPermission,
  type TypeDeclaration,
} from "../engine/declaration.js";
import { type LiveType, liveFields } from "../engine/types/live-fields.js";
import { NamedFields } from "../engine/types/named-fields.js";
import { declarationOfObjectType } from "../engine/types/object-type.js";
import { forbidden, limitExceeded } from "../errors.js";
import type { AccessMap } from "./access/access.js";
import { containerOf } from "./container.js";
import type { RequestContext } from "./context.js";
import {
  type DoorResolve,
  doorsOf,
  innermostDoor,
  type Middleware,
  type RootFieldDoors,
  type TakeMutationTurn,
} from "./doors.js";

// graphql-middleware recognises graphql-shield's generator by its class, so both must come from the same CommonJS build.
const { applyMiddleware } = createRequire(import.meta.url)("graphql-middleware") as typeof import("graphql-middleware");

/** A resolver of a field whose parent is an answer of the planner. */
type FieldOf = GraphQLFieldResolver<Record<string, unknown>, RequestContext>;

/** The descriptions of the root types, for which type-graphql has no place. */
const ROOT_DESCRIPTIONS = {
  Query: "All that can be read. What your role may not read is null, with an error at its path; the rest is answered.",
  Mutation:
    "All that can be changed. Fields of one request run one after the other; each is done whole or not at all, and recorded.",
  Subscription:
    "All that can be followed, over a WebSocket at the same address, in the protocol `graphql-transport-ws`. Each message shows what a query would answer at that moment.",
};

/**
 * Builds the schema without its doors.
 * @param resolvers an instance of each resolver class @param live the types that can be followed
 */
export function buildBareSchema(resolvers: readonly object[], live: readonly LiveType[]): GraphQLSchema {
  const built = buildSchemaSync({
    // The classes come from the instances, so that no class lacks one and fails when a request first needs it.
    resolvers: resolvers.map((instance) => instance.constructor) as unknown as NonEmptyArray<ClassType>,
    container: containerOf(resolvers),
    validate: false,
  });
  const subscription = new GraphQLObjectType({ name: "Subscription", fields: liveFields(built, live) });
  const schema = new GraphQLSchema({ ...built.toConfig(), subscription });
  // type-graphql does not know it.
  for (const type of Object.values(schema.getTypeMap()))
    if (isInputObjectType(type) && type.extensions.isOneOf) type.isOneOf = true;
  for (const [name, description] of Object.entries(ROOT_DESCRIPTIONS)) {
    Object.assign(schema.getType(name) ?? {}, { description });
  }
  return schema;
}

/** Resolves a field of a declared type: the plan has left the value under the response key, unless the actor may not read it. */
const plannedField =
  (type: TypeDeclaration): FieldOf =>
  (source, _args, context, info) => {
    const permission = missingDeclaredPermission(context.access.permissions, type, info.fieldName);
    if (permission) {
      context.refuse({ code: "FORBIDDEN", field: `${type.name}.${info.fieldName}`, permission });
      throw forbidden(permission);
    }
    const value = source[info.path.key];
    const derived = type.fields[info.fieldName]?.derived;
    return derived ? derived.derive(value as never, context.access) : value;
  };

/** Resolves a field of an embedded object. @param fetch the field's own resolver, which fetches a value that no row holds */
const embeddedField =
  (type: EmbeddedType, fetch: FieldOf): FieldOf =>
  (source, args, context, info) => {
    const field = type.fields[info.fieldName];
    const required = field?.read;
    if (!mayReadDeclared(context.access.permissions, required)) {
      const permission = required?.[0] as Permission;
      context.refuse({ code: "FORBIDDEN", field: `${type.name}.${info.fieldName}`, permission });
      throw forbidden(permission);
    }
    if (field?.fetched) return fetch(source, args, context, info);
    return source[source instanceof NamedFields ? info.fieldName : info.path.key];
  };

function resolveEmbedded(schema: GraphQLSchema, fields: readonly { readonly embedded?: EmbeddedType }[]): void {
  for (const { embedded } of fields) {
    if (!embedded) continue;
    for (const field of fieldsOf(schema, embedded.name))
      field.resolve = embeddedField(embedded, field.resolve as FieldOf);
    resolveEmbedded(schema, Object.values(embedded.fields));
  }
}

const byResponseKey: FieldOf = (source, _args, _context, info) => source[info.path.key];

/** The suffixes of the types that belong to the connections of a type. */
const CONNECTION_SUFFIXES = ["Connection", "Edge", "Aggregate", "Extremes", "Group", "GroupKey"];

const NO_FLOAT = "This sum is beyond what a Float holds, 1.8e308. Ask for the average, or for the sum of fewer rows.";

const numberByResponseKey: typeof byResponseKey = (source, _args, _context, info) => {
  const value = source[info.path.key];
  if (Math.abs(value as number) === Number.POSITIVE_INFINITY) throw limitExceeded("float", NO_FLOAT);
  return value;
};

function fieldsOf(schema: GraphQLSchema, typeName: string) {
  const type = schema.getType(typeName);
  return isObjectType(type) ? Object.values((type as GraphQLObjectType).getFields()) : [];
}

function resolveAll(schema: GraphQLSchema, typeName: string, resolve: FieldOf) {
  for (const field of fieldsOf(schema, typeName)) field.resolve = resolve as never;
}

/** Answers a label of an enum that only a newer replica knows as it is, as the fast path does. An error would hide the row. */
function answerUnknownLabels(schema: GraphQLSchema): void {
  for (const type of Object.values(schema.getTypeMap())) {
    if (isEnumType(type) && !isIntrospectionType(type)) type.serialize = (value) => value as string;
  }
}

/**
 * Puts the layers before every root field, and the resolvers of planned values on the types.
 * @param access the rules of the root fields
 * @param recorder the outermost layer of every root field
 * @param takeTurn takes a point for a call of a mutation
 */
export function schemaBehindDoors(
  bare: GraphQLSchema,
  access: AccessMap,
  recorder: Middleware,
  takeTurn: TakeMutationTurn,
): { schema: GraphQLSchema; roots: RootFieldDoors } {
  const doors = doorsOf(bare, access);
  const fields = Object.entries(bare.getMutationType()?.getFields() ?? {});
  const mutations = Object.fromEntries(fields.map(([name, { resolve }]) => [name, resolve as DoorResolve]));
  const recorders = { Query: recorder, Mutation: recorder, Subscription: recorder };
  const schema = applyMiddleware(
    bare,
    recorders as never,
    doors as never,
    { Mutation: innermostDoor(takeTurn) } as never,
  );
  answerUnknownLabels(schema);
  resolveAll(schema, "PageInfo", byResponseKey);
  for (const type of Object.values(schema.getTypeMap()).flatMap((type) => declarationOfObjectType(type) ?? [])) {
    resolveAll(schema, type.name, plannedField(type));
    resolveEmbedded(schema, Object.values(type.fields));
    for (const suffix of CONNECTION_SUFFIXES) resolveAll(schema, `${type.name}${suffix}`, byResponseKey);
    resolveAll(schema, `${type.name}Numbers`, numberByResponseKey);
  }
  return { schema, roots: { recorder, doors, takeTurn, mutations } };
}
