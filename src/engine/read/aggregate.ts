/** Figures over the rows of a list: of the whole list, and of groups of its rows. */
import { type SQL, sql } from "drizzle-orm";
import type { FieldNode } from "graphql";
import { badUserInput, limitExceeded } from "../../errors.js";
import type { FieldDeclaration, FieldKind, TypeDeclaration } from "../declaration.js";
import type { Compilation } from "./compilation.js";
import { type Cost, oneObject, sum, times, writing } from "./cost.js";
import { inUtc, written, writtenBucket } from "./field.js";
import { filterFields } from "./filter.js";
import { around, atMost, bytesOf, type Json, list, object, orNull, textOf, typename } from "./json.js";
import { orderName } from "./order.js";
import { sizeOf } from "./page.js";
import { argumentOf } from "./query-value.js";
import { collectBelow } from "./selection.js";
import type { Source } from "./visibility.js";

export const TIME_BUCKETS = ["HOUR", "DAY", "WEEK", "MONTH"] as const;
type TimeBucket = (typeof TIME_BUCKETS)[number];

type Fields = readonly (readonly [string, FieldDeclaration])[];

const fieldsOf = (type: TypeDeclaration, ...kinds: FieldKind[]): Fields =>
  Object.entries(type.fields).filter(([, field]) => kinds.includes(field.kind) && field.aggregated !== false);

/** The fields that have a sum and an average. */
export const numberFields = (type: TypeDeclaration): Fields => fieldsOf(type, "int", "float");

/** The fields that have a smallest and a largest value. */
export const extremeFields = (type: TypeDeclaration): Fields => fieldsOf(type, "int", "float", "string", "dateTime");

/** The fields by which rows can be grouped. */
export const keyFields = (type: TypeDeclaration): Fields =>
  [...filterFields(type)].filter(
    ([name, { kind, aggregated }]) => name !== "id" && kind !== "json" && aggregated !== false,
  );

/** The same by enum value. */
export const groupFields = (type: TypeDeclaration): ReadonlyMap<string, readonly [string, FieldDeclaration]> =>
  new Map(keyFields(type).map((entry) => [orderName(entry[0]), entry]));

/** A number of JSON that no double holds; within our answers nothing else but a text may hold it. */
export const NO_DOUBLE = "1e999";

/** The parts of a sum of doubles: as many ordinary ones as there may be do not overflow together, and huge ones are added up exactly. */
const ordinary = (column: SQL) => sql`sum(${column}) filter (where ${column} between -1e290 and 1e290)`;
const huge = (column: SQL) => sql`sum(${column}::text::numeric) filter (where ${column} not between -1e290 and 1e290)`;
const exactSum = (column: SQL) => sql`(coalesce(${ordinary(column)}, 0)::text::numeric + ${huge(column)})`;

/** What each figure is; a field has none where it has no value. */
const FIGURES: Readonly<Record<string, (field: FieldDeclaration, column: SQL) => Json>> = {
  sum: ({ kind }, column) => {
    if (kind === "int") return orNull(sql`sum(${column})::float8::text`);
    const sum = exactSum(column);
    return orNull(sql`case when ${huge(column)} is null then ${ordinary(column)}::text
      when abs(${sum}) <= ${sql.raw(`${Number.MAX_VALUE}`)} then ${sum}::float8::text else ${sql.raw(`'${NO_DOUBLE}'`)} end`);
  },
  // Not avg(), which squares what it adds up, and so overflows where the mean does not.
  avg: ({ kind }, column) => {
    const count = sql`nullif(count(${column}), 0)`;
    if (kind === "int") return orNull(sql`(sum(${column})::float8 / ${count})::text`);
    return orNull(sql`case when ${huge(column)} is null then (${ordinary(column)} / ${count})::text
      else (${exactSum(column)} / ${count})::float8::text end`);
  },
  min: (field, column) => written(field, sql`min(${column})`, true),
  max: (field, column) => written(field, sql`max(${column})`, true),
};

/** @returns the object of an aggregate over the rows of the query that it stands in */
function figures(c: Compilation, source: Source, nodes: readonly FieldNode[]): Json {
  const { type } = source;
  const fieldFigure = (figure: string, of: readonly FieldNode[]) =>
    [...collectBelow(of, c.fragments, c.variables)].map(([key, [{ name }]]): [string, Json] => {
      const field = type.fields[name.value];
      if (!field)
        return [key, typename(`${type.name}${figure === "sum" || figure === "avg" ? "Numbers" : "Extremes"}`)];
      c.requireReadable(field.read);
      if (figure === "sum" && field.kind === "float") c.sumsDoubles = true;
      return [key, FIGURES[figure]!(field, source.column(field.column))];
    });
  return object(
    [...collectBelow(nodes, c.fragments, c.variables)].map(([key, of]): [string, Json] => {
      const name = of[0].name.value;
      if (name === "__typename") return [key, typename(`${type.name}Aggregate`)];
      return [key, name === "count" ? [sql`count(*)`] : object(fieldFigure(name, of))];
    }),
  );
}

/** @param rows the FROM clause and what follows it. HAVING makes it one row even where only type names are asked for. */
export const selectAggregate = (c: Compilation, source: Source, nodes: readonly FieldNode[], rows: SQL): Json =>
  around(figures(c, source, nodes), (text) => sql`(select ${text}${rows} having true)`);

interface Key {
  readonly name: string;
  readonly value: SQL;
  /** As the client sees it. */
  written(value: SQL): Json;
}

const MAX_KEYS = 5;

function keysOf(c: Compilation, source: Source, node: FieldNode): Key[] {
  const given = argumentOf(node, "by", c.argumentType(source.type, "by"), c)?.items() ?? [];
  if (given.length === 0) throw badUserInput("by", "Name at least one field to group by.");
  if (given.length > MAX_KEYS) throw limitExceeded("by", `Group by at most ${MAX_KEYS} fields.`);
  const fields = groupFields(source.type);
  const keys: Key[] = [];
  for (const [index, { value }] of given.entries()) {
    const { field: enumName, bucket } = value as { field: string; bucket?: TimeBucket | null };
    const [name, field] = fields.get(enumName)!;
    c.requireReadable(field.read);
    if (keys.some((key) => key.name === name)) throw badUserInput(`by.${index}.field`, "Group by a field only once.");
    if (bucket && field.kind !== "dateTime") {
      throw badUserInput(`by.${index}.bucket`, "Only moments have buckets of time.");
    }
    const column = source.column(field.column);
    keys.push(
      bucket
        ? { name, value: sql`date_trunc(${sql.raw(`'${bucket}'`)}, ${inUtc(column)})`, written: writtenBucket }
        : { name, value: column, written: (value) => written(field, value, true) },
    );
  }
  return keys;
}

/** @param rows the FROM clause and what follows it */
export function selectGroups(
  c: Compilation,
  source: Source,
  nodes: readonly FieldNode[],
  rows: SQL,
): { json: Json; cost: Cost } {
  const { type } = source;
  const node = nodes[0]!;
  const keys = keysOf(c, source, node);
  const argument = (name: string) => argumentOf(node, name, c.argumentType(type, name), c);
  const size = sizeOf(c.limits.maxGroups, c.limits.defaultGroups, { first: argument("first") });
  const named = (index: number) => sql`g.${sql.identifier(`key_${index}`)}`;

  const columns = keys.map(({ value }, index) => sql`${value} as ${sql.identifier(`key_${index}`)}`);
  let bytes = 0;
  const entries = [...collectBelow(nodes, c.fragments, c.variables)].map(([key, of], position): [string, Json] => {
    const name = of[0].name.value;
    if (name === "__typename") return [key, typename(`${type.name}Group`)];
    if (name === "aggregate") {
      const column = sql.identifier(`aggregate_${position}`);
      const json = figures(c, source, of);
      columns.push(sql`${textOf(json)} as ${column}`);
      bytes += bytesOf(json);
      return [key, [sql`g.${column}`]];
    }
    const parts = [...collectBelow(of, c.fragments, c.variables)].map(([part, [{ name }]]): [string, Json] => {
      if (name.value === "__typename") return [part, typename(`${type.name}GroupKey`)];
      const index = keys.findIndex((each) => each.name === name.value);
      return [part, index < 0 ? ["null"] : keys[index]!.written(named(index))];
    });
    return [key, object(parts)];
  });
  const json = object(entries);
  const positions = keys.map((_, index) => sql.raw(String(index + 1)));
  const inOrder = positions.map((position) => sql`${position} asc nulls first`);
  if (argument("largestFirst")?.value === true) inOrder.unshift(sql`count(*) desc`);
  const groups = sql`select ${sql.join(columns, sql`, `)}${rows} group by ${sql.join(positions, sql`, `)} order by ${sql.join(inOrder, sql`, `)} limit ${c.param(size, "first")}::int`;
  const texts = sql`select ${textOf(json)} as c from (${groups}) g offset 0`;
  const fits = atMost(c.limits.answerBytes, [sql`r.c`]);
  return {
    json: list([sql`(select string_agg(r.c, ',') from (${texts}) r having ${fits})`]),
    cost: times(size, sum([oneObject, writing(bytes + bytesOf(json))])),
  };
}
