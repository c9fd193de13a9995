/** Builds the figures over the rows of a list: over the whole list, and over groups of its rows. */
import { type SQL, sql } from "drizzle-orm";
import type { FieldNode } from "graphql";
import { badUserInput, limitExceeded } from "../../errors.js";
import type { FieldDeclaration, FieldKind, TypeDeclaration } from "../declaration.js";
import type { Compilation } from "./compilation.js";
import { type Cost, costOfBytes, costOfObject, costSum, costTimes } from "./cost.js";
import { fieldInUtc, writtenField, writtenFieldBucket } from "./field.js";
import { filterFields } from "./filter.js";
import {
  type Json,
  jsonAround,
  jsonAtMost,
  jsonBytesOf,
  jsonList,
  jsonObject,
  jsonOrNull,
  jsonTextOf,
  jsonTypename,
} from "./json.js";
import { orderName } from "./order.js";
import { pageSizeOf } from "./page.js";
import { queryArgumentOf } from "./query-value.js";
import { collectSelectionBelow } from "./selection.js";
import { type VisibilitySource, visibleFieldValue } from "./visibility.js";

export const AGGREGATE_TIME_BUCKETS = ["HOUR", "DAY", "WEEK", "MONTH"] as const;
type TimeBucket = (typeof AGGREGATE_TIME_BUCKETS)[number];

type Fields = readonly (readonly [string, FieldDeclaration])[];

const fieldsOf = (type: TypeDeclaration, ...kinds: FieldKind[]): Fields =>
  Object.entries(type.fields).filter(([, field]) => kinds.includes(field.kind) && field.aggregated !== false);

/** The fields that have a sum and an average. */
export const aggregateNumberFields = (type: TypeDeclaration): Fields => fieldsOf(type, "int", "float");

/** The fields that have a smallest and a largest value. */
export const aggregateExtremeFields = (type: TypeDeclaration): Fields =>
  fieldsOf(type, "int", "float", "string", "dateTime");

/** The fields by which rows can be grouped. */
export const aggregateKeyFields = (type: TypeDeclaration): Fields =>
  [...filterFields(type)].filter(
    ([name, { kind, aggregated }]) => name !== "id" && kind !== "json" && aggregated !== false,
  );

/** The same fields with their names, by the value of the enum by which clients name them. */
export const aggregateGroupFields = (type: TypeDeclaration): ReadonlyMap<string, readonly [string, FieldDeclaration]> =>
  new Map(aggregateKeyFields(type).map((entry) => [orderName(entry[0]), entry]));

/** PostgreSQL answers this for a sum that no double holds. Elsewhere in an answer it can only be part of a text. */
export const NO_DOUBLE_AGGREGATE = "1e999";

// A sum of doubles has two parts, so that it overflows only where its result does: ordinary numbers, which never overflow together, are
// added up as doubles, huge ones exactly.
const ordinary = (column: SQL) => sql`sum(${column}) filter (where ${column} between -1e290 and 1e290)`;
const huge = (column: SQL) => sql`sum(${column}::text::numeric) filter (where ${column} not between -1e290 and 1e290)`;
const exactSum = (column: SQL) => sql`(coalesce(${ordinary(column)}, 0)::text::numeric + ${huge(column)})`;

/** The expression of each figure of a field. It is null where no row has a value. */
const FIGURES: Readonly<Record<string, (field: FieldDeclaration, column: SQL) => Json>> = {
  sum: ({ kind }, column) => {
    if (kind === "int") return jsonOrNull(sql`sum(${column})::float8::text`);
    const sum = exactSum(column);
    return jsonOrNull(sql`case when ${huge(column)} is null then ${ordinary(column)}::text
      when abs(${sum}) <= ${sql.raw(`${Number.MAX_VALUE}`)} then ${sum}::float8::text else ${sql.raw(`'${NO_DOUBLE_AGGREGATE}'`)} end`);
  },
  // avg() adds up squares too, and so it overflows where the mean does not.
  avg: ({ kind }, column) => {
    const count = sql`nullif(count(${column}), 0)`;
    if (kind === "int") return jsonOrNull(sql`(sum(${column})::float8 / ${count})::text`);
    return jsonOrNull(sql`case when ${huge(column)} is null then (${ordinary(column)} / ${count})::text
      else (${exactSum(column)} / ${count})::float8::text end`);
  },
  min: (field, column) => writtenField(field, sql`min(${column})`, true),
  max: (field, column) => writtenField(field, sql`max(${column})`, true),
};

/** @returns the object of figures over the rows of the query in which the expression stands */
function selectFigures(c: Compilation, source: VisibilitySource, nodes: readonly FieldNode[]): Json {
  const { type } = source;
  const fieldFigures = (figure: string, figureNodes: readonly FieldNode[]) =>
    [...collectSelectionBelow(figureNodes, c.fragments, c.variables)].map(([key, [{ name }]]): [string, Json] => {
      const field = type.fields[name.value];
      if (!field)
        return [key, jsonTypename(`${type.name}${figure === "sum" || figure === "avg" ? "Numbers" : "Extremes"}`)];
      c.requireReadable(field.read);
      if (figure === "sum" && field.kind === "float") c.sumsDoubles = true;
      return [key, FIGURES[figure]!(field, visibleFieldValue(source, field))];
    });
  return jsonObject(
    [...collectSelectionBelow(nodes, c.fragments, c.variables)].map(([key, figureNodes]): [string, Json] => {
      const name = figureNodes[0].name.value;
      if (name === "__typename") return [key, jsonTypename(`${type.name}Aggregate`)];
      return [key, name === "count" ? [sql`count(*)`] : jsonObject(fieldFigures(name, figureNodes))];
    }),
  );
}

/** Selects the figures over a whole list. @param rows the FROM clause and what follows it */
export const selectAggregate = (
  c: Compilation,
  source: VisibilitySource,
  nodes: readonly FieldNode[],
  rows: SQL,
): Json =>
  // HAVING makes the result one row even where the client asks only for type names.
  jsonAround(selectFigures(c, source, nodes), (text) => sql`(select ${text}${rows} having true)`);

/** What the rows of a group have in common. */
interface Key {
  readonly name: string;
  readonly value: SQL;
  /** Builds the JSON of the key's value. */
  written(value: SQL): Json;
}

const MAX_KEYS = 5;

function keysOf(c: Compilation, source: VisibilitySource, node: FieldNode): Key[] {
  const items = queryArgumentOf(node, "by", c.argumentType(source.type, "by"), c)?.items() ?? [];
  if (items.length === 0) throw badUserInput("by", "Name at least one field to group by.");
  if (items.length > MAX_KEYS) throw limitExceeded("by", `Group by at most ${MAX_KEYS} fields.`);
  const fields = aggregateGroupFields(source.type);
  const keys: Key[] = [];
  for (const [index, { value }] of items.entries()) {
    const { field: enumName, bucket } = value as { field: string; bucket?: TimeBucket | null };
    const [name, field] = fields.get(enumName)!;
    c.requireReadable(field.read);
    if (keys.some((key) => key.name === name)) throw badUserInput(`by.${index}.field`, "Group by a field only once.");
    if (bucket && field.kind !== "dateTime") {
      throw badUserInput(`by.${index}.bucket`, "Only moments have buckets of time.");
    }
    const column = visibleFieldValue(source, field);
    keys.push(
      bucket
        ? {
            name,
            value: sql`date_trunc(${sql.raw(`'${bucket}'`)}, ${fieldInUtc(column)})`,
            written: writtenFieldBucket,
          }
        : { name, value: column, written: (value) => writtenField(field, value, true) },
    );
  }
  return keys;
}

/** Selects the groups of a list. @param rows the FROM clause and what follows it */
export function selectAggregateGroups(
  c: Compilation,
  source: VisibilitySource,
  nodes: readonly FieldNode[],
  rows: SQL,
): { json: Json; cost: Cost } {
  const { type } = source;
  const node = nodes[0]!;
  const keys = keysOf(c, source, node);
  const argument = (name: string) => queryArgumentOf(node, name, c.argumentType(type, name), c);
  const size = pageSizeOf(c.limits.maxGroups, c.limits.defaultGroups, { first: argument("first") });
  const keyColumn = (index: number) => sql`g.${sql.identifier(`key_${index}`)}`;

  const columns = keys.map(({ value }, index) => sql`${value} as ${sql.identifier(`key_${index}`)}`);
  let bytes = 0;
  const selection = [...collectSelectionBelow(nodes, c.fragments, c.variables)];
  const entries = selection.map(([key, partNodes], position): [string, Json] => {
    const name = partNodes[0].name.value;
    if (name === "__typename") return [key, jsonTypename(`${type.name}Group`)];
    if (name === "aggregate") {
      const column = sql.identifier(`aggregate_${position}`);
      const json = selectFigures(c, source, partNodes);
      columns.push(sql`${jsonTextOf(json)} as ${column}`);
      bytes += jsonBytesOf(json);
      return [key, [sql`g.${column}`]];
    }
    const parts = [...collectSelectionBelow(partNodes, c.fragments, c.variables)].map(
      ([part, [{ name }]]): [string, Json] => {
        if (name.value === "__typename") return [part, jsonTypename(`${type.name}GroupKey`)];
        const index = keys.findIndex((groupKey) => groupKey.name === name.value);
        return [part, index < 0 ? ["null"] : keys[index]!.written(keyColumn(index))];
      },
    );
    return [key, jsonObject(parts)];
  });
  const json = jsonObject(entries);
  const positions = keys.map((_, index) => sql.raw(String(index + 1)));
  const inOrder = positions.map((position) => sql`${position} asc nulls first`);
  if (argument("largestFirst")?.value === true) inOrder.unshift(sql`count(*) desc`);
  const groups = sql`select ${sql.join(columns, sql`, `)}${rows} group by ${sql.join(positions, sql`, `)} order by ${sql.join(inOrder, sql`, `)} limit ${c.param(size, "first")}::int`;
  const texts = sql`select ${jsonTextOf(json)} as c from (${groups}) g offset 0`;
  const fits = jsonAtMost(c.limits.answerBytes, [sql`r.c`]);
  return {
    json: jsonList([sql`(select string_agg(r.c, ',') from (${texts}) r having ${fits})`]),
    cost: costTimes(size, costSum([costOfObject, costOfBytes(bytes + jsonBytesOf(json))])),
  };
}
