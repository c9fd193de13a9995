/** Every list of the API with the SQL that says the same, orders to walk them in, and rows worth walking over. */
import { getTableColumns } from "drizzle-orm";
import { specimens } from "../../specimens/index.js";
import { ownedBy, relationsOf } from "../../specimens/ownership.js";
import { camel, keyOf, oneOf, type Specimen, tableOf } from "../../specimens/specimen.js";
import { EMAILS } from "../../support/app.js";

export interface List {
  /** Where the list stands: a root field, or a relation of the row that a root field answers. */
  readonly field: string;
  readonly parent?: { readonly field: string; readonly id: string; readonly condition: string };
  readonly specimen: Specimen;
  readonly table: string;
  /** Which rows a viewer of organization 1 sees; absent where the role may not read the type. */
  readonly own?: string;
}

const VIEWER = `(select id from users where email = '${EMAILS.viewer}')`;

const listOf = (specimen: Specimen, field: string, parent?: List["parent"]): List => ({
  field,
  parent,
  specimen,
  table: tableOf(specimen),
  own: specimen.readers.includes("VIEWER") ? (specimen.seenBy?.(VIEWER) ?? ownedBy(specimen, "1")) : undefined,
});

export const LISTS: readonly List[] = [
  ...specimens.map((specimen) => listOf(specimen, specimen.type.plural)),
  ...relationsOf(specimens)
    .filter(({ kind }) => kind === "many")
    .map(({ from, name, to, key, between, shared }) => {
      const { parent: id } = from.paging;
      if (id === undefined) throw new Error(`Name a ${from.type.name} whose ${name} are walked, in its specimen`);
      const led = between && `(select id from ${tableOf(between.of)} where ${between.key} = ${id})`;
      const own = led ? `${key} in ${led}` : `${key} = ${id}`;
      return listOf(to, name, { field: oneOf(from), id, condition: shared ? `(${own} or ${shared(id)})` : own });
    }),
];

/** @returns the orders in which a list is walked, its own first */
export const ordersOf = ({ specimen }: List): readonly (readonly string[])[] => [[], ...specimen.paging.orders];

/** Some 60 rows in each table: ties, nulls, neighbouring microseconds. */
export const ROWS = `
  create function pg_temp.at(n bigint) returns timestamptz language sql as
    $$ select '2026-03-01T10:00:00.999998Z'::timestamptz + (n / 3) * interval '1 microsecond' $$;
  create function pg_temp.word(n bigint) returns text language sql as
    $$ select (array[null, 'plain', '', E'"quoted" \\\\ \\n', 'Ünïcode 🦄', null, 'Plain', '{"a":[1]}', repeat('long', 100)])[1 + n % 9] $$;
  create function pg_temp.number(n bigint) returns float8 language sql as
    $$ select (array[0.1, -1.5, 1e300, 1e-300, 0, 123456789.123456789, -0.0, 1.0/3])[1 + n % 8] $$;
  ${specimens.map(({ paging }) => paging.rows).join(";")}`;

export type Term = { field: string; direction: string; nulls?: string };
export const termsOf = (order: readonly string[]): Term[] =>
  order.map((text) => {
    const [field, direction = "ASC", nulls] = text.split(" ");
    return { field: field!, direction, ...(nulls && { nulls }) };
  });

/** @returns what an order looks at: a column of the row, or of the row that it refers to, whose name stands before it */
function looksAt(specimen: Specimen, field: string): string {
  const { type, references } = specimen;
  const name = field.toLowerCase();
  if (name === "id") return `t.${keyOf(specimen)}`;
  if (camel(name) in getTableColumns(type.table)) return `t.${name}`;
  const related = Object.entries(references).find(([relation]) => name.startsWith(`${relation}_`));
  if (!related) throw new Error(`${type.name} has no ${name}`);
  const [relation, { to, column }] = related;
  return `(select r.${name.slice(relation.length + 1)} from ${tableOf(to)} r where r.id = t.${column})`;
}

/** Absent values are the smallest unless said otherwise; ties fall to the id, which goes the way of the last term. */
export const orderInSql = ({ specimen }: List, order: readonly string[]) => {
  const terms = order.length > 0 ? termsOf(order) : termsOf([`${specimen.newestBy} DESC`]);
  return [...terms, { field: "id", direction: terms.at(-1)!.direction }]
    .map(
      ({ field, direction, nulls = direction === "ASC" ? "FIRST" : "LAST" }: Term) =>
        `${looksAt(specimen, field)} ${direction} nulls ${nulls}`,
    )
    .join();
};
