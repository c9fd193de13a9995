/** An orderBy argument -> terms with a unique last one, their keyset conditions, and the cursors that carry them. */
import { createHash } from "node:crypto";
import { and, or, type SQL, sql } from "drizzle-orm";
import { badUserInput, limitExceeded } from "../errors.js";
import type { Compilation, Getter } from "./compilation.js";
import type { FieldDeclaration, TypeDeclaration } from "./declaration.js";
import { fromCursor, parameterType, written } from "./field.js";
import type { Reference } from "./reference.js";
import type { Source } from "./visibility.js";

export type Direction = "ASC" | "DESC";

interface Term {
  readonly field: FieldDeclaration;
  readonly name: string;
  readonly direction: Direction;
}

const MAX_TERMS = 5;

/** @returns the enum value of a field: `startedAt` -> `STARTED_AT` */
export const orderName = (fieldName: string) =>
  // A unit is one word.
  fieldName
    .replace("GiB", "Gib")
    .replaceAll(/[A-Z]/g, (letter) => `_${letter}`)
    .toUpperCase();

/** The fields by which a type can be ordered, by enum value. */
export const orderFields = (type: TypeDeclaration): ReadonlyMap<string, string> =>
  new Map(
    Object.entries(type.fields)
      .filter(([, field]) => !["json", "embedded", "derived"].includes(field.kind))
      .map(([name]) => [orderName(name), name]),
  );

/** A total order of a list: what a page follows, and what its cursors mean. */
export class Order {
  readonly #terms: readonly Term[];
  /** Ties a cursor to this type and order. Hexadecimal. */
  readonly #signature: string;

  constructor(
    private readonly c: Compilation,
    private readonly source: Source,
    orderBy: Reference | undefined,
  ) {
    this.#terms = termsOf(c, source.type, orderBy);
    const text = [source.type.name, ...this.#terms.map(({ name, direction }) => `${name} ${direction}`)].join();
    this.#signature = createHash("sha256").update(text).digest("hex").slice(0, 8);
  }

  /**
   * Absent values count as the smallest, which is also how a descending index reads.
   * @param reversed for a page that is counted from the end
   */
  by(reversed: boolean): SQL {
    const terms = this.#terms.map(({ field, direction }) =>
      (direction === "ASC") === reversed
        ? sql`${this.source.column(field.column)} desc nulls last`
        : sql`${this.source.column(field.column)} asc nulls first`,
    );
    return sql.join(terms, sql`, `);
  }

  /** The cursor of the source's row: base64url of a JSON array of the signature and the values of the terms. */
  cursor(): SQL {
    const values = this.#terms.map(({ field }) => written(field, this.source.column(field.column)));
    const array = sql`json_build_array(${sql.raw(`'${this.#signature}'`)}, ${sql.join(values, sql`, `)})`;
    return sql`translate(encode(convert_to(${array}::text, 'UTF8'), 'base64'), E'+/=\\n', '-_')`;
  }

  /** @returns the rows strictly after (or before) the cursor that an argument carries */
  beyond(cursor: Reference, argument: "after" | "before"): SQL {
    const { get } = cursor;
    const decode = decoder(this.#terms, this.#signature, argument);
    const decoded: Getter = (run) => decode(get(run.variables));
    this.c.checks.push(decoded);
    const operand = (index: number) => {
      const { field } = this.#terms[index]!;
      return sql`${this.c.param((run) => (decoded(run) as unknown[])[index], argument)}::${parameterType(field)}`;
    };
    const ascending = (term: Term) => (term.direction === "ASC") === (argument === "after");
    const columns = this.#terms.map(({ field }) => this.source.column(field.column));
    const uniform = this.#terms.every(
      (term) => term.field.column.notNull && ascending(term) === ascending(this.#terms[0]!),
    );
    if (uniform) {
      // A row comparison, because an index serves it.
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
      const further = ascending(term)
        ? sql`(${column} > ${value} or (${value} is null and ${column} is not null))`
        : sql`(${column} < ${value} or (${column} is null and ${value} is not null))`;
      const ties = columns.slice(0, index).map((each, tie) => sql`${each} is not distinct from ${operand(tie)}`);
      return and(...ties, further);
    });
    return or(...alternatives) as SQL;
  }
}

/** @returns a function from a cursor to the values of the terms @throws BAD_USER_INPUT there, for what is no cursor of this order */
function decoder(terms: readonly Term[], signature: string, argument: string) {
  return (cursor: unknown): unknown[] => {
    let parsed: unknown;
    try {
      parsed = JSON.parse(Buffer.from(String(cursor), "base64url").toString());
    } catch {
      parsed = null;
    }
    if (!Array.isArray(parsed) || parsed[0] !== signature || parsed.length !== terms.length + 1) {
      throw badUserInput(
        argument,
        "This is no cursor of this list in this order. Take one from its edges or pageInfo.",
      );
    }
    return terms.map(({ field }, index) => fromCursor(field, (parsed as unknown[])[index + 1], argument));
  };
}

function termsOf(c: Compilation, type: TypeDeclaration, orderBy: Reference | undefined): Term[] {
  const names = orderFields(type);
  const terms: Term[] = [];
  const add = (name: string, direction: Direction) => {
    const field = type.fields[name];
    if (!field || terms.some((term) => term.name === name)) return;
    c.requireReadable(field);
    terms.push({ field, name, direction });
  };
  const given = orderBy?.items() ?? [];
  if (given.length > MAX_TERMS) throw limitExceeded("orderBy", `Order by at most ${MAX_TERMS} fields.`);
  for (const item of given) {
    const { field, direction } = item.value as { field: string; direction?: Direction };
    add(names.get(field) ?? "", direction ?? "ASC");
  }
  if (terms.length === 0) add(type.newestBy, "DESC");
  add("id", terms.at(-1)?.direction ?? "DESC");
  return terms;
}
