/** Checks how many items a query asks for, and builds the subquery with the rows of a page. */
import { type SQL, sql } from "drizzle-orm";
import { badUserInput, limitExceeded } from "../../errors.js";
import type { CompilationRun } from "./compilation.js";
import { jsonAtMost } from "./json.js";
import type { QueryValue } from "./query-value.js";

type PageSize = (run: CompilationRun) => number;

/**
 * @param max the most items that a query may ask for
 * @param defaultSize the number of items where the query gives none
 * @param args `first` and, for pages, `last`
 * @returns a function that checks the size in each run, for the statement and for its cost
 */
export function pageSizeOf(
  max: number,
  defaultSize: number,
  args: Readonly<Record<string, QueryValue | undefined>>,
): PageSize {
  const getters = Object.entries(args).flatMap(([name, argument]) => (argument ? [{ name, get: argument.get }] : []));
  return (run) => {
    const sizes = getters.flatMap(({ name, get }) => {
      const size = get(run.variables);
      return typeof size === "number" ? [{ name, size }] : [];
    });
    for (const { name, size } of sizes) {
      if (size < 0) throw badUserInput(name, `\`${name}\` is 0 or more.`);
      if (size > max) throw limitExceeded("pageSize", `Ask for at most ${max} at once.`);
    }
    if (sizes.length > 1) throw badUserInput("last", "Give `first` or `last`, not both.");
    return sizes[0]?.size ?? defaultSize;
  };
}

/** The rows of a page as the subquery `p`, with the texts that are built of each row, and its position `i`. */
export class PageRows {
  readonly #columns: SQL[];
  readonly #texts: SQL[] = [];

  /** @param numbered whether the subquery needs the positions of the rows */
  constructor(numbered: boolean) {
    this.#columns = numbered ? [sql`row_number() over () as i`] : [];
  }

  /** Adds a text to be built of each row. @returns the column that holds it */
  text(value: SQL): SQL {
    const name = sql.identifier(`c${this.#columns.length}`);
    this.#columns.push(sql`${value} as ${name}`);
    const column = sql`p.${name}`;
    this.#texts.push(column);
    return column;
  }

  /**
   * @param rows the query that takes the rows
   * @param name the alias under which the texts name its columns
   * @param counted a FILTER clause for the rows that the page holds
   * @returns a FROM clause with a HAVING, which makes it one row even where nothing aggregates
   */
  from(rows: SQL, name: SQL, bytes: number, counted: SQL): SQL {
    const columns = this.#columns.length > 0 ? sql.join(this.#columns, sql`, `) : sql`1`;
    return sql` from (select ${columns} from (${rows}) ${name} offset 0) p having ${jsonAtMost(bytes, this.#texts, counted)}`;
  }
}
