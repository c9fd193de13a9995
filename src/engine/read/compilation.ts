/** The state of compiling one plan: aliases, parameters, the actor's access, and what the plan will cost. */
import { Param, type SQL, sql } from "drizzle-orm";
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
import type { Access } from "../../auth/actor.js";
import type { Permission } from "../../auth/permissions.js";
import { toText } from "../../db/dialect.js";
import { forbidden } from "../../errors.js";
import { requireWellFormed } from "../../values/well-formed.js";
import { mayRead, type TypeDeclaration } from "../declaration.js";
import type { Variables } from "./query-value.js";
import type { Fragments } from "./selection.js";
import { aliased, type Source, visible } from "./visibility.js";

/** Of a parameter and all that its getter holds. */
const PARAMETER_WEIGHT = 1000;

/** A statement that answers one row. */
export interface Statement {
  readonly text: string;
  /** The parameters of one run. @throws BAD_USER_INPUT, LIMIT_EXCEEDED */
  bind(run: Run): unknown[];
  /** About how much memory it takes, in bytes. */
  readonly weight: number;
}

/** Keeps nothing of the statement but its text, a small part of what it takes as objects. */
export function statementOf(statement: SQL): Statement {
  const { sql: text, params } = toText(statement);
  return {
    text,
    bind: (run) => params.map((param) => (typeof param === "function" ? (param as Getter)(run) : param)),
    weight: text.length + params.length * PARAMETER_WEIGHT,
  };
}

export interface PlanLimits {
  /** Page size where a query gives neither first nor last. */
  readonly defaultPageSize: number;
  readonly maxPageSize: number;
  /** Groups of rows where a query does not say how many, and at most. */
  readonly defaultGroups: number;
  readonly maxGroups: number;
  /** The most objects that one request may answer, by the sizes of its pages. */
  readonly maxObjects: number;
  /** The most logs that one request may read. */
  readonly logs: number;
  /** The longest answer, in bytes. */
  readonly answerBytes: number;
  /** The most conditions of a filter. */
  readonly maxConditions: number;
  /** How deep a filter's and, or, not and relations may nest. */
  readonly maxFilterDepth: number;
  /** The most characters of a part to look for in a text, and of other values of a filter whose field has no length of its own. */
  readonly partCharacters: number;
  readonly valueCharacters: number;
}

/** What a run of a plan is given: the request's variables, the actor's access, and values that resolvers hand in. */
export interface Run {
  readonly variables: Variables;
  readonly access: Access;
  /** By the index of the unit in the plan. */
  readonly values: readonly unknown[];
  /** What may be answered; as much as any request may unless given. */
  readonly bytesLeft?: number;
}

export type Getter = (run: Run) => unknown;

export class Compilation {
  #aliases = 0;
  /** Whether rows are read that no key names. */
  readsMany = false;
  /** Whether doubles are added up. */
  sumsDoubles = false;
  /** The types of rows that are read because others refer to them. */
  readonly referredTo = new Set<TypeDeclaration>();

  constructor(
    private readonly schema: GraphQLSchema,
    readonly access: Access,
    readonly fragments: Fragments,
    public variables: Variables,
    readonly limits: PlanLimits,
    /** Seals cursors, so that a changed one is told from a real one. */
    readonly cursorKey: string,
  ) {}

  /** Forgets the values that it was given. */
  release(): void {
    this.variables = {};
  }

  /** @param rows as of `aliased` */
  source(type: TypeDeclaration, rows?: SQL): Source {
    return aliased(type, `t${this.#aliases++}`, rows);
  }

  /** The GraphQL type of an argument of the connections over a type, or of the groups in them. */
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
   * A parameter of the statement. Values reach SQL in no other way.
   * @param field names it in errors
   * @param encode makes of a well-formed value what the driver takes
   */
  param(getter: Getter, field: string, encode: (value: unknown) => unknown = (value) => value): SQL {
    const checked: Getter = (run) => {
      const value = getter(run);
      requireWellFormed(value, field);
      return encode(value);
    };
    return sql`${new Param(checked)}`;
  }

  /** Runs before each run of the plan, for arguments that the statement may not need. @throws what the argument's fault is */
  readonly checks: ((run: Run) => void)[] = [];

  /** @returns whether the type's rows may be read at all */
  mayRead(type: TypeDeclaration): boolean {
    return mayRead(this.access.permissions, type.read);
  }

  /**
   * @param anyOf who reads the field or type
   * @throws FORBIDDEN where it may not be read: it must not be filtered, ordered or aggregated by either
   */
  requireReadable(anyOf: readonly Permission[] | undefined): void {
    if (!mayRead(this.access.permissions, anyOf)) throw forbidden(anyOf?.[0] as Permission);
  }

  /** The rows of a source that exist for the actor; undefined where all do. */
  visible(source: Source): SQL | undefined {
    const organization = () => this.param((run) => run.access.organizationId, "organization");
    return visible(source, this.access, organization, (type) => this.source(type));
  }
}
