/** The state of compiling one plan: aliases, parameters, the actor's access, and what the plan will cost. */
import { and, Param, type SQL, sql } from "drizzle-orm";
import {
  GraphQLBoolean,
  type GraphQLInputObjectType,
  type GraphQLInputType,
  GraphQLInt,
  GraphQLList,
  GraphQLNonNull,
  type GraphQLSchema,
  GraphQLString,
} from "graphql";
import type { ActorAccess } from "../../auth/actor.js";
import type { Permission } from "../../auth/permissions.js";
import { toStatementText } from "../../db/dialect.js";
import { forbidden } from "../../errors.js";
import { requireWellFormed } from "../../values/well-formed.js";
import { inversesOf, type ManyRelation, mayReadDeclared, type TypeDeclaration } from "../declaration.js";
import type { QueryVariables } from "./query-value.js";
import type { Fragments } from "./selection.js";
import {
  aliasedVisibilitySource,
  type VisibilityParameter,
  type VisibilitySource,
  visibilityCondition,
} from "./visibility.js";

/** About the bytes that a parameter and its getter take in memory. */
const PARAMETER_WEIGHT = 1000;

/** A statement that answers one row. */
export interface CompilationStatement {
  readonly text: string;
  /** Returns the parameters of one run. @throws BAD_USER_INPUT, LIMIT_EXCEEDED */
  bind(run: CompilationRun): unknown[];
  /** About the bytes that the statement takes in memory. */
  readonly weight: number;
}

/** Turns drizzle's objects into text, which takes a small part of their memory. */
export function compilationStatementOf(statement: SQL): CompilationStatement {
  const { sql: text, params } = toStatementText(statement);
  return {
    text,
    bind: (run) => params.map((param) => (typeof param === "function" ? (param as CompilationGetter)(run) : param)),
    weight: text.length + params.length * PARAMETER_WEIGHT,
  };
}

export interface CompilationLimits {
  /** The page size where a query gives neither `first` nor `last`. */
  readonly defaultPageSize: number;
  readonly maxPageSize: number;
  /** The number of groups where a query does not give one, and the most that it may ask for. */
  readonly defaultGroups: number;
  readonly maxGroups: number;
  /** The most objects that one request may ask for, counted from the sizes of its pages. */
  readonly maxObjects: number;
  /** The most logs of members that one request may read. */
  readonly logs: number;
  /** The longest answer, in bytes. */
  readonly answerBytes: number;
  /** The most conditions of a filter. */
  readonly maxConditions: number;
  /** How deep `and`, `or`, `not` and relations may nest in a filter. */
  readonly maxFilterDepth: number;
  /** The most characters of a text to search for, and of other values in a filter, where the column has no maximum itself. */
  readonly partCharacters: number;
  readonly valueCharacters: number;
}

/** The input of one run of a plan. */
export interface CompilationRun {
  readonly variables: QueryVariables;
  readonly access: ActorAccess;
  /** The ids that resolvers hand in, by the index of the unit in the plan. */
  readonly values: readonly unknown[];
  /** How long the answer may still be; as long as any request's where this is absent. */
  readonly bytesLeft?: number;
}

/** Takes the value of a parameter from the input of a run. */
export type CompilationGetter = (run: CompilationRun) => unknown;

/** The state of compiling one plan. */
export class Compilation {
  #aliases = 0;
  /** Whether the plan reads rows without their keys. */
  readsMany = false;
  /** Whether the plan adds up doubles. */
  sumsDoubles = false;
  /** The types that the plan reads through a relation to one. */
  readonly referredTo = new Set<TypeDeclaration>();

  constructor(
    private readonly schema: GraphQLSchema,
    readonly access: ActorAccess,
    readonly fragments: Fragments,
    public variables: QueryVariables,
    readonly limits: CompilationLimits,
    /** The key that seals cursors, so that Postern can refuse a changed one. */
    readonly cursorKey: string,
  ) {}

  /** Forgets the variables of the request that the plan was compiled for. */
  release(): void {
    this.variables = {};
  }

  /** Returns the table of a type under a new alias. @param rows as in `aliased` */
  source(type: TypeDeclaration, rows?: SQL): VisibilitySource {
    return aliasedVisibilitySource(type, `t${this.#aliases++}`, rows);
  }

  /** Returns the GraphQL type of an argument of the connections over a type, or of their groups. */
  argumentType(type: TypeDeclaration, name: string): GraphQLInputType {
    const named = (suffix: string) => this.schema.getType(`${type.name}${suffix}`) as GraphQLInputObjectType;
    if (name === "filter") return named("Filter");
    const listOf = (suffix: string) => new GraphQLList(new GraphQLNonNull(named(suffix)));
    if (name === "orderBy") return listOf("Order");
    if (name === "by") return new GraphQLNonNull(listOf("GroupBy"));
    if (name === "largestFirst") return new GraphQLNonNull(GraphQLBoolean);
    return name === "first" || name === "last" ? GraphQLInt : GraphQLString;
  }

  /**
   * Adds a parameter to the statement. Values reach SQL in no other way.
   * @param field the name of the value in errors
   * @param encode turns a well-formed value into what the driver takes
   */
  param(getter: CompilationGetter, field: string, encode: (value: unknown) => unknown = (value) => value): SQL {
    const checked: CompilationGetter = (run) => {
      const value = getter(run);
      requireWellFormed(value, field);
      return encode(value);
    };
    return sql`${new Param(checked)}`;
  }

  /** Checks that run before each run of the plan, of arguments that the statement may not use. They throw AppErrors. */
  readonly checks: ((run: CompilationRun) => void)[] = [];

  /** @returns whether the actor may read the type */
  mayRead(type: TypeDeclaration): boolean {
    return mayReadDeclared(this.access.permissions, type.read);
  }

  /**
   * Refuses filters, orders and figures over what the actor may not read: they would reveal its values.
   * @param anyOf the permissions of which one allows reading the field or type
   * @throws FORBIDDEN
   */
  requireReadable(anyOf: readonly Permission[] | undefined): void {
    if (!mayReadDeclared(this.access.permissions, anyOf)) throw forbidden(anyOf?.[0] as Permission);
  }

  /**
   * Returns the conditions on the rows of a relation to many, of which each row meets one: they lead back to the parent's row, over rows
   * that exist for the actor, or share a value with it.
   */
  leadsBack(relation: ManyRelation, rows: VisibilitySource, parent: VisibilitySource): readonly SQL[] {
    const own = this.#refersTo(relation, rows, parent);
    if (!relation.shared) return [own];
    const { column, equals } = relation.shared;
    return [own, sql`${rows.column(column)} = ${equals(parent.column)} and (${own}) is not true`];
  }

  #refersTo(relation: ManyRelation, rows: VisibilitySource, parent: VisibilitySource): SQL {
    const key = parent.column(parent.type.fields.id.column);
    const [inverse, onward] = inversesOf(relation);
    const reference = rows.column(inverse!.column);
    if (!onward) return sql`${reference} = ${key}`;
    const between = this.source(inverse!.to());
    const joined = sql`${between.column(between.type.fields.id.column)} = ${reference}`;
    const led = sql`${between.column(onward.column)} = ${key}`;
    return sql`exists (select 1 from ${between.from} where ${and(joined, led, this.visible(between))})`;
  }

  /** Returns the condition on the rows that exist for the actor; undefined where all do. */
  visible(source: VisibilitySource): SQL | undefined {
    const parameter = (name: VisibilityParameter) => this.param((run) => run.access[name], name);
    return visibilityCondition(source, this.access, parameter, (type) => this.source(type));
  }
}
