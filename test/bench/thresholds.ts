/** What must be reached, and whether it was. */
import type { MeasuredCell } from "./cells.js";
import type { Cell } from "./measure.js";
import { median } from "./median.js";
import { type ServerName, WORKLOADS, type Workload } from "./workloads.js";

/** One line of the table. `isMet` is undefined where it was not measured. */
export interface Figure {
  readonly figure: string;
  readonly mustReach: string;
  readonly measured: string;
  readonly isMet: boolean | undefined;
}

/** Whatever was measured; absent where the run left it out. */
export interface Measured {
  readonly cells: readonly MeasuredCell[];
  readonly statements?: ReadonlyMap<Workload, number>;
  readonly growth?: Readonly<Record<"W1" | "page", number>>;
  readonly memory?: Readonly<Record<"floor" | "postern", number>>;
  readonly documents?: number;
}

/** Postern's value as a multiple of another server's, in each pass: what else the machine does changes, for both alike. */
export function ratiosTo(
  cells: readonly MeasuredCell[],
  other: ServerName,
  workload: Workload,
  value: keyof Cell,
): number[] {
  const of = (server: ServerName, pass: number) =>
    cells.find((cell) => cell.server === server && cell.workload === workload && cell.pass === pass)?.[value];
  const passes = [...new Set(cells.map(({ pass }) => pass))];
  return passes.map((pass) => of("postern", pass)! / of(other, pass)!).filter((ratio) => !Number.isNaN(ratio));
}

/** The median of these multiples. */
export function ratioTo(...asked: Parameters<typeof ratiosTo>): number | undefined {
  const ratios = ratiosTo(...asked);
  return ratios.length > 0 ? median(ratios) : undefined;
}

function figure(
  name: string,
  kind: "at most" | "at least",
  bound: number,
  value: number | undefined,
  written: (value: number) => string,
): Figure {
  return {
    figure: name,
    mustReach: `${kind === "at most" ? "≤" : "≥"} ${written(bound)}`,
    measured: value === undefined ? "not measured" : written(value),
    isMet: value === undefined ? undefined : kind === "at most" ? value <= bound : value >= bound,
  };
}

const times = (value: number) => `${value.toFixed(2)} ×`;
const mebibytes = (value: number) => `${value < 0 ? "-" : "+"} ${Math.abs(value).toFixed(0)} MiB`;

const CPU: readonly [Workload, number][] = [
  ["W1", 1.7],
  ["W2", 1.7],
  ["W3", 1.7],
  ["W4", 3],
];
const AGAINST: readonly [ServerName, string, readonly [Workload, number][]][] = [
  [
    "postgraphile",
    "PostGraphile",
    [
      ["W1", 1.8],
      ["W2", 1.5],
      ["W3", 1.8],
      ["W4", 1],
    ],
  ],
  [
    "mercurius",
    "Mercurius",
    [
      ["W1", 1.5],
      ["W2", 1.5],
      ["W3", 1.5],
    ],
  ],
];

/** The processor time may rise by so much with a commit. */
const AGAINST_BEFORE = 1.03;

export function figuresOf({ cells, statements, growth, memory, documents }: Measured): Figure[] {
  const planned = (["W1", "W2", "W3"] as const).map((workload) => statements?.get(workload));
  const most = planned.includes(undefined) ? undefined : Math.max(...(planned as number[]));
  return [
    ...CPU.map(([workload, bound]) =>
      figure(
        `${workload}: server CPU against the floor${workload === "W4" ? ", which writes no audit record" : ""}`,
        "at most",
        bound,
        ratioTo(cells, "floor", workload, "cpu"),
        times,
      ),
    ),
    ...AGAINST.flatMap(([server, label, bounds]) =>
      bounds.map(([workload, bound]) =>
        figure(
          `${workload}: requests per second against ${label}`,
          "at least",
          bound,
          ratioTo(cells, server, workload, "perSecond"),
          times,
        ),
      ),
    ),
    ...WORKLOADS.flatMap((workload) => {
      const ratio = ratioTo(cells, "before", workload, "cpu");
      const name = `${workload}: server CPU against the commit before`;
      return ratio === undefined ? [] : [figure(name, "at most", AGAINST_BEFORE, ratio, times)];
    }),
    figure("SQL statements of an operation whose root fields are all planned", "at most", 1, most, String),
    figure("W1: time with tables ten times as large", "at most", 1.2, growth?.W1, times),
    figure("W3, 1,000th page: time with tables ten times as large", "at most", 1.2, growth?.page, times),
    figure(
      "W2: peak memory at 100 connections, above the floor's",
      "at most",
      100,
      memory && memory.postern - memory.floor,
      mebibytes,
    ),
    figure("CPU of 200 distinct documents in rotation against one", "at most", 1.3, documents, times),
  ];
}
