/** The naive evaluation of figures: aggregates over rows, and groups of rows. */
import type { TypeDeclaration } from "../../../src/engine/declaration.js";
import { columnOf } from "./naive-filter.js";
import { below, collect, type Field, type Item, plain, type RunIndex } from "./query.js";
import { compare, JSON_NULL, type Kind, micros, type Row, type World } from "./world.js";

export type Answer = Record<string, unknown>;

/** What an evaluation is over. */
export interface Stage {
  /** What the actor can see. */
  readonly world: World;
  readonly run: RunIndex;
}

/** Builds an object: one value for each response key. */
export const object = (
  items: readonly Item[],
  { run }: Stage,
  answer: (name: string, fields: Field[]) => unknown,
): Answer =>
  Object.fromEntries([...collect(items, run)].map(([key, fields]) => [key, answer(fields[0]!.name, fields)]));

/** A column's value as the client sees it. */
export const written = (value: unknown) => (value === JSON_NULL ? null : value);

/** Stands in an answer where a number must stand that is added up in another order there. */
export class About {
  constructor(readonly value: number) {}

  fits(real: unknown): boolean {
    return typeof real === "number" && Math.abs(real - this.value) <= 1e-9 * Math.abs(this.value);
  }
}

/** Decimal places of the smallest number, and more. */
const PLACES = 400;

/** @returns the number, as it is written, times 10^PLACES */
function scaled(number: number): bigint {
  const [, sign, whole, fraction = "", exponent = "0"] = /^(-?)(\d+)(?:\.(\d+))?(?:e(.*))?$/.exec(`${number}`)!;
  return BigInt(`${sign}${whole}${fraction}`) * 10n ** BigInt(PLACES + Number(exponent) - fraction.length);
}

/** The exact sum, divided, and rounded once. */
function mean(values: readonly unknown[], count: number): About {
  const sum = (values as number[]).reduce((sum, value) => sum + scaled(value), 0n);
  return new About(Number(`${(sum * 10n ** 20n) / BigInt(count)}e-${PLACES + 20}`));
}

/** By name: the figure over the values that are present, of which there is one at least. */
const FIGURES: Readonly<Record<string, (values: readonly unknown[], kind: Kind) => unknown>> = {
  sum: (values) => mean(values, 1),
  avg: (values) => mean(values, values.length),
  min: (values, kind) => values.reduce((a, b) => (compare(kind, a, b) <= 0 ? a : b)),
  max: (values, kind) => values.reduce((a, b) => (compare(kind, a, b) >= 0 ? a : b)),
};

export function figures(stage: Stage, type: TypeDeclaration, rows: readonly Row[], items: readonly Item[]): Answer {
  return object(items, stage, (name, fields) => {
    if (name === "__typename") return `${type.name}Aggregate`;
    if (name === "count") return rows.length;
    return object(below(fields), stage, (part) => {
      if (part === "__typename") return `${type.name}${name === "sum" || name === "avg" ? "Numbers" : "Extremes"}`;
      const column = type.fields[part]!.column.name;
      const values = rows.map((row) => row[column]).filter((value) => value !== null);
      return values.length > 0 ? FIGURES[name]!(values, stage.world.kind(type, column)) : null;
    });
  });
}

const DAY = 86_400_000_000n;

/** @returns the begin of the span of time that a moment falls into */
function beginOf(moment: string, bucket: string): string {
  if (bucket === "HOUR") return `${moment.slice(0, 13)}:00:00.000000Z`;
  if (bucket === "MONTH") return `${moment.slice(0, 7)}-01T00:00:00.000000Z`;
  // 1970-01-01 was a Thursday; a week begins on Monday.
  const days = micros(`${moment.slice(0, 10)}T00:00:00Z`) / DAY;
  const back = bucket === "WEEK" ? (days + 3n) % 7n : 0n;
  return `${new Date(Number((days - back) * DAY) / 1000).toISOString().slice(0, 10)}T00:00:00.000000Z`;
}

interface GroupBy {
  readonly field: string;
  readonly bucket?: string | null;
}

const DEFAULT_GROUPS = 100;

/** @param of the fields `groups` of one response key, whose arguments are the same */
export function groups(stage: Stage, type: TypeDeclaration, rows: readonly Row[], of: readonly Field[]): Answer[] {
  const { world, run } = stage;
  const argument = (name: string) => of[0]!.args[name] && plain(of[0]!.args[name], run);
  const names = [...Object.keys(type.fields), ...Object.keys(type.relations).map((name) => `${name}Id`)];
  const keys = ([argument("by")].flat() as GroupBy[]).map(({ field, bucket }) => {
    const name = names.find((candidate) => candidate.toUpperCase() === field.replaceAll("_", ""))!;
    const column = columnOf(type, name)!;
    const keyOf = (row: Row) => {
      const value = row[column];
      return bucket && value !== null ? beginOf(value as string, bucket) : value;
    };
    return { name, kind: world.kind(type, column), keyOf };
  });
  const found = Map.groupBy(rows, (row) => JSON.stringify(keys.map(({ keyOf }) => keyOf(row))));
  const sorted = [...found].map(([text, members]) => ({ values: JSON.parse(text) as unknown[], members }));
  sorted.sort((a, b) => {
    const larger = argument("largestFirst") ? b.members.length - a.members.length : 0;
    if (larger !== 0) return larger;
    for (const [index, { kind }] of keys.entries()) {
      const [x, y] = [a.values[index], b.values[index]];
      const result = x === null || y === null ? Number(x !== null) - Number(y !== null) : compare(kind, x, y);
      if (result !== 0) return result;
    }
    return 0;
  });
  const size = (argument("first") as number | null | undefined) ?? DEFAULT_GROUPS;
  return sorted.slice(0, size).map(({ values, members }) =>
    object(below(of), stage, (name, fields) => {
      if (name === "__typename") return `${type.name}Group`;
      if (name === "aggregate") return figures(stage, type, members, below(fields));
      return object(below(fields), stage, (part) => {
        if (part === "__typename") return `${type.name}GroupKey`;
        const index = keys.findIndex((key) => key.name === part);
        return index < 0 ? null : values[index];
      });
    }),
  );
}
