/** How many items a query asks for, checked in each run, for the statement and for its cost; and the rows of a page. */
import { type SQL, sql } from "drizzle-orm";
import { badUserInput, limitExceeded } from "../../errors.js";
import type { Run } from "./compilation.js";
import { atMost } from "./json.js";
import type { QueryValue } from "./query-value.js";

export type Size = (run: Run) => number;

/**
 * @param most what a query may ask for
 * @param unless what it gets where it asks for nothing
 * @param references `first` and, for pages, `last`
 */
export function sizeOf(
  most: number,
  unless: number,
  references: Readonly<Record<string, QueryValue | undefined>>,
): Size {
  const getters = Object.entries(references).flatMap(([name, reference]) =>
    reference ? [{ name, get: reference.get }] : [],
  );
  return (run) => {
    const given = getters.flatMap(({ name, get }) => {
      const size = get(run.variables);
      return typeof size === "number" ? [{ name, size }] : [];
    });
    for (const { name, size } of given) {
      if (size < 0) throw badUserInput(name, `\`${name}\` is 0 or more.`);
      if (size > most) throw limitExceeded("pageSize", `Ask for at most ${most} at once.`);
    }
    if (given.length > 1) throw badUserInput("last", "Give `first` or `last`, not both.");
    return given[0]?.size ?? unless;
  };
}

/** The rows of a page as the subquery `p`: the texts that are built of each, and its place `i`. */
export class PageRows {
  readonly #columns: SQL[];
  readonly #texts: SQL[] = [];

  /** @param placed whether the places of the rows count */
  constructor(placed: boolean) {
    this.#columns = placed ? [sql`row_number() over () as i`] : [];
  }

  /** @returns the column that holds the text */
  text(value: SQL): SQL {
    const name = sql.identifier(`c${this.#columns.length}`);
    this.#columns.push(sql`${value} as ${name}`);
    const column = sql`p.${name}`;
    this.#texts.push(column);
    return column;
  }

  /**
   * @param rows a query, whose columns go by the name
   * @param counted which of them the page holds
   * @returns a FROM clause and what follows it. HAVING makes it one row even where nothing aggregates.
   */
  from(rows: SQL, name: SQL, bytes: number, counted: SQL): SQL {
    const columns = this.#columns.length > 0 ? sql.join(this.#columns, sql`, `) : sql`1`;
    return sql` from (select ${columns} from (${rows}) ${name} offset 0) p having ${atMost(bytes, this.#texts, counted)}`;
  }
}
