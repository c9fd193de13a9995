/** Resolvers, declarations and the permission map -> the schema that Apollo serves, with its doors on every root field. */
import { createRequire } from "node:module";
import {
  type GraphQLFieldResolver,
  type GraphQLObjectType,
  type GraphQLResolveInfo,
  type GraphQLSchema,
  isEnumType,
  isIntrospectionType,
  isObjectType,
} from "graphql";
import { buildSchemaSync, type ClassType, type NonEmptyArray } from "type-graphql";
import type { Permission } from "../auth/permissions.js";
import type { Rule } from "../auth/rules.js";
import { type EmbeddedType, mayRead, missingPermission, type TypeDeclaration } from "../engine/declaration.js";
import { declarationOf } from "../engine/types/object-type.js";
import { forbidden, limitExceeded } from "../errors.js";
import { currentCaller } from "../values/caller.js";
import { requireWellFormed } from "../values/well-formed.js";
import type { AccessMap } from "./access/access.js";
import { deny, shield, shieldRules } from "./access/rules.js";
import { requireSaid } from "./change-filters.js";
import { containerOf } from "./container.js";
import type { RequestContext } from "./context.js";
import { preflightPayload } from "./preflight.js";

// Loaded like graphql-shield: its generator is recognised by class, so both must come from the same build.
const { applyMiddleware } = createRequire(import.meta.url)("graphql-middleware") as typeof import("graphql-middleware");

type Arguments = Record<string, unknown>;

/** What resolves a field whose parent is an answer of the planner. */
type FieldOf = GraphQLFieldResolver<Record<string, unknown>, RequestContext>;

export type Resolve = (parent: unknown, args: Arguments, context: RequestContext, info: GraphQLResolveInfo) => unknown;

/** A layer around the resolver of a root field. */
export type Middleware = (
  resolve: Resolve,
  parent: unknown,
  args: Arguments,
  context: RequestContext,
  info: GraphQLResolveInfo,
) => Promise<unknown>;

type RootType = "Query" | "Mutation";

/** By root type and field. */
export type RootMiddleware = Readonly<Record<RootType, Readonly<Record<string, Middleware>>>>;

/** @param resolvers instances, one for each resolver class */
export function buildBareSchema(resolvers: readonly object[]): GraphQLSchema {
  return buildSchemaSync({
    // Derived from the instances, so that a class without one cannot slip in and fail when it is first asked.
    resolvers: resolvers.map((instance) => instance.constructor) as unknown as NonEmptyArray<ClassType>,
    container: containerOf(resolvers),
    validate: false,
  });
}

/** Permission first, then the form of the arguments: what is refused is not even looked at. */
function doorsOf(schema: GraphQLSchema, { queries, mutations }: AccessMap): RootMiddleware {
  const ruleOf = shieldRules();
  const rulesOf = (map: Readonly<Record<string, Rule>>) => ({
    "*": deny,
    ...Object.fromEntries(Object.entries(map).map(([name, rule]) => [name, ruleOf(rule)])),
  });
  const ofMutations = Object.fromEntries(Object.entries(mutations).map(([name, { rule }]) => [name, rule]));
  const generator = shield(
    { Query: rulesOf(queries), Mutation: rulesOf(ofMutations) },
    { fallbackRule: deny, fallbackError: forbidden("none", "Nobody may call this."), debug: true },
  ) as unknown as {
    generate(schema: GraphQLSchema): Record<RootType, Record<string, Middleware | { resolve: Middleware }>>;
  };
  // Only the root types: shield would wrap every leaf of every answer. Declared types check their fields themselves.
  const permissions = generator.generate(schema);
  const behind =
    (door: Middleware): Middleware =>
    (resolve, parent, args, context, info) =>
      door(
        (...given) => {
          for (const [name, value] of Object.entries(args)) requireWellFormed(value, name);
          if (info.parentType.name === "Mutation") requireSaid(info, args);
          return resolve(...given);
        },
        parent,
        args,
        context,
        info,
      );
  /** Mutations begin one after another: each has its time from then on, and is answered as whoever calls until it says otherwise. */
  const begun =
    (door: Middleware): Middleware =>
    async (resolve, parent, args, context, info) => {
      currentCaller().time?.beginField();
      context.answerAs(context.actor);
      return door(resolve, parent, args, context, info);
    };
  const all = (type: RootType, timed: (door: Middleware) => Middleware) =>
    Object.fromEntries(
      Object.entries(permissions[type]).map(([name, door]) => {
        // Rules without a function of their own, such as allow, come wrapped.
        return [name, timed(behind("resolve" in door ? door.resolve : door))];
      }),
    );
  return { Query: all("Query", (door) => door), Mutation: all("Mutation", begun) };
}

/** Between the doors and the resolver of a mutation. */
const preflighted: Middleware = async (resolve, parent, args, context, info) => {
  preflightPayload(info, args, context);
  return resolve(parent, args, context, info);
};

/** A field of a declared type: its plan left the value under the response key, unless the actor may not read it. */
const planned =
  (type: TypeDeclaration): FieldOf =>
  (source, _args, context, info) => {
    const permission = missingPermission(context.access.permissions, type, info.fieldName);
    if (permission) {
      context.refuse({ code: "FORBIDDEN", field: `${type.name}.${info.fieldName}`, permission });
      throw forbidden(permission);
    }
    const value = source[info.path.key];
    const derived = type.fields[info.fieldName]?.derived;
    return derived ? derived.derive(value as never, context.access) : value;
  };

/** A field of an object that a jsonb column holds whole. @param own what asks for its value, where none is held */
const embeddedField =
  (type: EmbeddedType, own: FieldOf): FieldOf =>
  (source, args, context, info) => {
    const field = type.fields[info.fieldName];
    const required = field?.read;
    if (!mayRead(context.access.permissions, required)) {
      const permission = required?.[0] as Permission;
      context.refuse({ code: "FORBIDDEN", field: `${type.name}.${info.fieldName}`, permission });
      throw forbidden(permission);
    }
    return field?.fetched ? own(source, args, context, info) : source[info.path.key];
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

/** The types of a connection beside its nodes, by what follows the name of the type. */
const CONNECTION_PARTS = ["Connection", "Edge", "Aggregate", "Extremes", "Group", "GroupKey"];

const NO_FLOAT = "This sum is beyond what a Float holds, 1.8e308. Ask for the average, or for the sum of fewer rows.";

const figure: typeof byResponseKey = (source, _args, _context, info) => {
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

/** A label that a newer replica has brought is answered as it is, as PostgreSQL's text has it: an error would hide the row. */
function answerUnknownLabels(schema: GraphQLSchema): void {
  for (const type of Object.values(schema.getTypeMap())) {
    if (isEnumType(type) && !isIntrospectionType(type)) type.serialize = (value) => value as string;
  }
}

/** The layers of root fields one by one, for the fast way. */
export interface RootFields {
  readonly recorder: Middleware;
  readonly doors: RootMiddleware;
  /** By mutation, its resolver as it stands behind the doors. */
  readonly mutations: Readonly<Record<string, Resolve>>;
}

/**
 * @param access what stands before each root field
 * @param recorder the outermost layer of every root field
 */
export function guardSchema(
  bare: GraphQLSchema,
  access: AccessMap,
  recorder: Middleware,
): { schema: GraphQLSchema; roots: RootFields } {
  const doors = doorsOf(bare, access);
  const behind = Object.entries(bare.getMutationType()?.getFields() ?? {});
  const mutations = Object.fromEntries(behind.map(([name, { resolve }]) => [name, resolve as Resolve]));
  const recording = { Query: recorder, Mutation: recorder };
  const schema = applyMiddleware(bare, recording as never, doors as never, { Mutation: preflighted } as never);
  answerUnknownLabels(schema);
  resolveAll(schema, "PageInfo", byResponseKey);
  for (const type of Object.values(schema.getTypeMap()).flatMap((type) => declarationOf(type) ?? [])) {
    resolveAll(schema, type.name, planned(type));
    resolveEmbedded(schema, Object.values(type.fields));
    for (const part of CONNECTION_PARTS) resolveAll(schema, `${type.name}${part}`, byResponseKey);
    resolveAll(schema, `${type.name}Numbers`, figure);
  }
  return { schema, roots: { recorder, doors, mutations } };
}
