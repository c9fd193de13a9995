/** The figures of a soak, for people, and which bounds do not hold. */
import { median } from "../bench/median.js";
import { row } from "../bench/report.js";
import type { SoakLoad } from "./load.js";

/** What the probe in Postern's process writes. */
export interface Sample {
  readonly atMs: number;
  readonly rssMiB: number;
  readonly heapMiB: number;
  readonly stallMs: number;
}

export interface Soaked {
  readonly seen: ReturnType<SoakLoad["take"]>;
  readonly samples: readonly Sample[];
  /** Connections of the pool that did something, whenever it was looked. */
  readonly pool: readonly number[];
  readonly poolSize: number;
  readonly maximum: number;
  readonly wanted: number;
  /** The share of the machine's processors that others had. */
  readonly others: number;
}

const MOST_ERRORS = 0.001;
const MOST_SLOPE = 1;
/** A load that is not kept up with was no load. */
const LEAST_PACE = 0.95;
/** Collections of garbage come and go in less. */
const WINDOW_MS = 10_000;
/** What somebody would notice. */
const STALL_MS = 50;

/** MiB a minute, through the medians of windows: single samples tell more of the collector than of what is kept. */
export function slopeOf(samples: readonly Pick<Sample, "atMs" | "rssMiB">[]): number {
  const windows = [...Map.groupBy(samples, ({ atMs }) => Math.floor(atMs / WINDOW_MS))];
  const points = windows.map(([window, all]) => [
    (window * WINDOW_MS) / 60_000,
    median(all.map(({ rssMiB }) => rssMiB)),
  ]) as [number, number][];
  const mean = (index: 0 | 1) => points.reduce((sum, point) => sum + point[index], 0) / points.length;
  const [x, y] = [mean(0), mean(1)];
  const above = points.reduce((sum, [a, b]) => sum + (a - x) * (b - y), 0);
  return above / points.reduce((sum, [a]) => sum + (a - x) ** 2, 0);
}

const ms = (microseconds: number) => (microseconds / 1000).toFixed(1);
const percent = (share: number) => `${(share * 100).toFixed(2)} %`;

export function report({ seen, samples, pool, poolSize, maximum, wanted, others }: Soaked): {
  readonly text: string;
  readonly missed: readonly string[];
} {
  const errors = [...seen.errors.values()].reduce((sum, count) => sum + count, 0);
  const errorRate = errors / seen.requests;
  const slope = slopeOf(samples);
  const stalls = samples.map(({ stallMs }) => stallMs);
  const rss = samples.map(({ rssMiB }) => rssMiB);
  const missed = [
    !(errorRate < MOST_ERRORS) && `errors: ${percent(errorRate)}, not under ${percent(MOST_ERRORS)}`,
    !(slope < MOST_SLOPE) && `memory: grows by ${slope.toFixed(2)} MiB a minute, not under ${MOST_SLOPE}`,
    !(seen.perSecond >= wanted * LEAST_PACE) &&
      `load: ${Math.round(seen.perSecond)} requests a second, where ${Math.round(wanted)} were to be sent`,
  ].filter((each) => each !== false);
  const lines = [
    row("operation", "requests", "errors", "p50 ms", "p99 ms", "most ms"),
    row("---", ...Array<string>(5).fill("---:")),
    ...[...seen.latencies].map(([name, histogram]) =>
      row(
        name,
        histogram.count,
        seen.errors.get(name) ?? 0,
        ...(histogram.count > 0
          ? [histogram.percentile(50), histogram.percentile(99), histogram.max].map(ms)
          : ["", "", ""]),
      ),
    ),
    "",
    `Load: ${seen.requests} requests, ${Math.round(seen.perSecond)} a second; the maximum was ${Math.round(maximum)}.`,
    `Errors: ${errors}, ${percent(errorRate)}.${seen.firstError ? ` The first: ${seen.firstError}` : ""}`,
    `Memory: ${Math.round(rss[0] ?? 0)} MiB after the warm-up, ${Math.round(rss.at(-1) ?? 0)} at the end, ` +
      `${Math.round(Math.max(...rss))} at most; ${slope.toFixed(2)} MiB a minute.`,
    `Event loop: ${stalls.filter((stall) => stall > STALL_MS).length} of ${stalls.length} seconds with a stall above ${STALL_MS} ms, ` +
      `the longest ${Math.round(Math.max(...stalls))} ms, half of all seconds under ${Math.round(median(stalls))} ms.`,
    `Pool: ${(pool.reduce((sum, count) => sum + count, 0) / pool.length).toFixed(1)} of ${poolSize} connections at work on average, ` +
      `${Math.max(...pool)} at most, ${percent(pool.filter((count) => count > 0.8 * poolSize).length / pool.length)} of the time more than 80 %.`,
    `Others had ${Math.round(others * 100)} % of the processors.`,
    ...missed.map((each) => `MISSED: ${each}`),
  ];
  return { text: lines.join("\n"), missed };
}
