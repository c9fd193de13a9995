/** Compiles an orderBy argument to terms, of which the last is unique, to keyset conditions, and to cursors. */
import { hash } from "node:crypto";
import { and, or, type SQL, sql } from "drizzle-orm";
import { badUserInput, limitExceeded } from "../../errors.js";
import type { FieldDeclaration, OneRelation, TypeDeclaration } from "../declaration.js";
import type { Compilation, CompilationGetter, CompilationRun } from "./compilation.js";
import { fieldParameterType, writtenField } from "./field.js";
import { jsonTextOf } from "./json.js";
import type { QueryValue } from "./query-value.js";
import { type VisibilitySource, visibleFieldValue } from "./visibility.js";

type Direction = "ASC" | "DESC";
type OrderNulls = "FIRST" | "LAST";

/** A field to order by: of the type itself, or of the row that a relation leads to. */
export interface OrderField {
  /** Such as `name`, or `organization.name`. */
  readonly path: string;
  readonly field: FieldDeclaration;
  readonly relation?: OneRelation;
}

interface Term extends OrderField {
  readonly direction: Direction;
  readonly nullable: boolean;
  readonly nulls: OrderNulls;
  /** The value within the query that takes the rows of the page. */
  readonly value: SQL;
  /** The value within the queries over that page. A related value travels along as a column of the page. */
  readonly carried: SQL;
}

const MAX_TERMS = 5;

/** @returns the enum value of a field: `startedAt` -> `STARTED_AT` */
export const orderName = (fieldName: string) =>
  // The unit GiB is one word.
  fieldName
    .replace("GiB", "Gib")
    .replaceAll(/[A-Z]/g, (letter) => `_${letter}`)
    .toUpperCase();

/** The fields by which a type can be ordered, by enum value. */
export function orderFields(type: TypeDeclaration): ReadonlyMap<string, OrderField> {
  const ordered = ({ fields }: TypeDeclaration) =>
    Object.entries(fields).filter(([, { kind }]) => !["json", "embedded", "derived"].includes(kind));
  const own = ordered(type).map(([name, field]): [string, OrderField] => [orderName(name), { path: name, field }]);
  const related = Object.entries(type.relations).flatMap(([relationName, relation]) =>
    relation.kind === "many"
      ? []
      : ordered(relation.to()).map(([name, field]): [string, OrderField] => [
          `${orderName(relationName)}_${orderName(name)}`,
          { path: `${relationName}.${name}`, field, relation },
        ]),
  );
  const ownNames = new Map(own);
  return new Map([...own, ...related.filter(([name]) => !ownNames.has(name))]);
}

/** A total order of a list, by which pages are taken and cursors made. */
export class Order {
  readonly #terms: readonly Term[];
  /** Ties a cursor to this type and this order. It is hexadecimal. */
  readonly #signature: string;
  readonly #related = new Map<OneRelation, VisibilitySource>();

  constructor(
    private readonly c: Compilation,
    private readonly source: VisibilitySource,
    orderBy: QueryValue | undefined,
  ) {
    this.#terms = this.#termsOf(orderBy);
    const text = [
      source.type.name,
      ...this.#terms.map(({ path, direction, nulls }) => `${path} ${direction} ${nulls}`),
    ];
    this.#signature = hash("sha256", text.join()).slice(0, 8);
  }

  /** The source, joined to the related rows that the order needs. */
  get from(): SQL {
    const joins = [...this.#related].map(([relation, to]) => {
      const joined = sql`${to.column(to.type.fields.id.column)} = ${this.source.column(relation.column)}`;
      return sql` left join ${to.from} on ${and(joined, this.c.visible(to))}`;
    });
    return sql`${this.source.from}${sql.join(joins)}`;
  }

  /** The columns that a query over `from` must select, so that cursors can be made of its rows. */
  get columns(): SQL {
    const carried = this.#terms.flatMap(({ relation }, index) => (relation ? [index] : []));
    const values = carried.map((index) => sql`, ${this.#terms[index]?.value} as ${carriedName(index)}`);
    return sql`${this.source.name}.*${sql.join(values)}`;
  }

  /**
   * Returns the terms for ORDER BY. Absent values count as the smallest unless a term says otherwise, as in our descending indexes.
   * @param reversed true for a page that is counted from the end
   * @param of `carried` for an order of rows that were selected by `columns`
   */
  by(reversed: boolean, of: "value" | "carried" = "value"): SQL {
    const terms = this.#terms.map(({ [of]: value, direction, nulls }) => {
      const way = (direction === "ASC") === reversed ? sql`desc` : sql`asc`;
      return (nulls === "FIRST") === reversed ? sql`${value} ${way} nulls last` : sql`${value} ${way} nulls first`;
    });
    return sql.join(terms, sql`, `);
  }

  /** Builds the cursor of a row: base64url of a JSON array with the signature, the values of the terms, and the seal of both. */
  cursor(): SQL {
    const values = this.#terms.flatMap(({ field, carried, nullable }) => [
      ",",
      ...writtenField(field, carried, nullable),
    ]);
    const open = jsonTextOf([`["${this.#signature}"`, ...values]);
    const key = this.c.param(constant(this.c.cursorKey), "cursor");
    const seal = sql`left(encode(sha256(convert_to(concat(${key}::text, k.open), 'UTF8')), 'hex'), ${sql.raw(String(SEAL))})`;
    const sealed = sql`convert_to(concat(k.open, ',"', ${seal}, '"]'), 'UTF8')`;
    // `offset 0` keeps PostgreSQL from computing the values twice, for the text and for its seal.
    return sql`(select translate(encode(${sealed}, 'base64'), E'+/=\\n', '-_') from (select ${open} as open offset 0) k)`;
  }

  /** @returns the condition on the rows of `from` that are strictly after (or before) the cursor */
  beyond(cursor: QueryValue, argument: "after" | "before"): SQL {
    const decoded = decoder(cursor, this.#terms.length, this.#signature, this.c.cursorKey, argument);
    this.c.checks.push(decoded);
    const operand = (index: number) => {
      const { field } = this.#terms[index]!;
      return sql`${this.c.param(itemOf(decoded, index), argument)}::${fieldParameterType(field)}`;
    };
    const after = argument === "after";
    const ascending = (term: Term) => (term.direction === "ASC") === after;
    const columns = this.#terms.map(({ value }) => value);
    const uniform = this.#terms.every((term) => !term.nullable && ascending(term) === ascending(this.#terms[0]!));
    if (uniform) {
      // An index serves a comparison of rows, but not the alternatives below.
      const row = sql`(${sql.join(columns, sql`, `)})`;
      const bounds = sql`(${sql.join(
        columns.map((_, index) => operand(index)),
        sql`, `,
      )})`;
      return ascending(this.#terms[0]!) ? sql`${row} > ${bounds}` : sql`${row} < ${bounds}`;
    }
    const alternatives = this.#terms.map((term, index) => {
      const column = columns[index]!;
      const value = operand(index);
      const compared = ascending(term) ? sql`${column} > ${value}` : sql`${column} < ${value}`;
      const absentFirst = (term.nulls === "FIRST") === after;
      const absent = absentFirst
        ? sql`${value} is null and ${column} is not null`
        : sql`${value} is not null and ${column} is null`;
      const further = term.nullable ? sql`(${compared} or (${absent}))` : compared;
      const ties = columns.slice(0, index).map((tied, tie) => sql`${tied} is not distinct from ${operand(tie)}`);
      return and(...ties, further);
    });
    return or(...alternatives) as SQL;
  }

  #termsOf(orderBy: QueryValue | undefined): Term[] {
    const { c, source } = this;
    const { type } = source;
    const terms: Term[] = [];
    const add = ({ path, field, relation }: OrderField, direction: Direction, nulls?: OrderNulls | null) => {
      if (terms.some((term) => term.path === path)) return;
      c.requireReadable(relation?.to().read);
      c.requireReadable(field.read);
      const nullable = relation !== undefined || !field.column.notNull;
      const smallestFirst = direction === "ASC" ? "FIRST" : "LAST";
      const value = visibleFieldValue(relation ? this.#join(relation) : source, field);
      terms.push({
        path,
        field,
        ...(relation && { relation }),
        direction,
        nullable,
        // Where no value can be absent, the order of nulls follows the direction, so that an index serves the order.
        nulls: (nullable && nulls) || smallestFirst,
        value,
        carried: relation ? sql`${source.name}.${carriedName(terms.length)}` : value,
      });
    };
    const items = orderBy?.items() ?? [];
    if (items.length > MAX_TERMS) throw limitExceeded("orderBy", `Order by at most ${MAX_TERMS} fields.`);
    const names = orderFields(type);
    for (const item of items) {
      const { field, direction, nulls } = item.value as {
        field: string;
        direction?: Direction;
        nulls?: OrderNulls | null;
      };
      add(names.get(field) as OrderField, direction ?? "ASC", nulls);
    }
    if (terms.length === 0) add({ path: type.newestBy, field: type.fields[type.newestBy]! }, "DESC");
    add({ path: "id", field: type.fields.id }, terms.at(-1)?.direction ?? "DESC");
    return terms;
  }

  #join(relation: OneRelation): VisibilitySource {
    const joined = this.#related.get(relation) ?? this.c.source(relation.to());
    this.#related.set(relation, joined);
    return joined;
  }
}

const carriedName = (index: number) => sql.identifier(`order_${index}`);

const UTF8 = new TextDecoder("utf-8", { fatal: true });
/** The number of hexadecimal digits of a seal. */
const SEAL = 16;
const SEALED = new RegExp(`^(\\[.*),"([0-9a-f]{${SEAL}})"\\]$`, "s");

/** @returns the JSON in a cursor; null for a text that Postern has not written */
function decode(cursor: string, key: string): unknown {
  const bytes = Buffer.from(cursor, "base64url");
  // Buffer skips characters that are no base64url, which would make many texts one cursor.
  if (bytes.toString("base64url") !== cursor) return null;
  try {
    const [, open = "", seal] = SEALED.exec(UTF8.decode(bytes)) ?? [];
    return hash("sha256", key + open).slice(0, SEAL) === seal ? JSON.parse(`${open}]`) : null;
  } catch {
    return null;
  }
}

// Plans keep their getters. Made by functions out here, getters hold no variable of the compilation.
const constant =
  (value: unknown): CompilationGetter =>
  () =>
    value;
const itemOf =
  (list: (run: CompilationRun) => unknown[], index: number): CompilationGetter =>
  (run) =>
    list(run)[index];

/** @returns a function that gets the values of the terms from a run's cursor, and throws BAD_USER_INPUT for another text */
function decoder({ get }: QueryValue, terms: number, signature: string, key: string, argument: string) {
  return (run: CompilationRun): unknown[] => {
    const parsed = decode(String(get(run.variables)), key);
    if (!Array.isArray(parsed) || parsed[0] !== signature || parsed.length !== terms + 1) {
      throw badUserInput(
        argument,
        "This is no cursor of this list in this order. Take one from its edges or pageInfo.",
      );
    }
    return parsed.slice(1);
  };
}
