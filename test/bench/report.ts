/** The tables that a run prints, in Markdown. */
import type { MeasuredCell } from "./cells.js";
import type { Cell } from "./measure.js";
import { median } from "./median.js";
import { LABELS } from "./servers.js";
import { type Figure, figuresOf, type Measured, ratiosTo, ratioTo } from "./thresholds.js";
import { COMPARED, DESCRIPTIONS, SERVERS, WORKLOADS, type Workload } from "./workloads.js";

export const row = (...cells: readonly (string | number)[]) => `| ${cells.join(" | ")} |`;

export function figuresTable(figures: readonly Figure[]): string {
  return [
    row("figure", "must reach", "measured", "met"),
    row("---", "---", "---", "---"),
    ...figures.map(({ figure, mustReach, measured, isMet }) =>
      row(figure, mustReach, measured, isMet === undefined ? "" : isMet ? "yes" : "**no**"),
    ),
  ].join("\n");
}

export const rounded = (value: number) => (value >= 100 ? Math.round(value) : Number(value.toPrecision(3)));

/** Medians over the rounds. */
export function cellsTable(cells: readonly MeasuredCell[], statements?: ReadonlyMap<Workload, number>): string {
  const lines = [
    row(
      ...[
        "",
        "server",
        "requests/s",
        "CPU, ms for 1,000",
        "± %",
        "PostgreSQL CPU",
        "load CPU",
        "p50 ms",
        "p99 ms",
        "bytes",
      ],
    ),
    row("---", "---", ...Array<string>(8).fill("---:")),
  ];
  for (const workload of WORKLOADS) {
    for (const server of SERVERS) {
      const own = cells.filter((cell) => cell.server === server && cell.workload === workload);
      if (own.length === 0) continue;
      const of = (name: keyof Cell) => rounded(median(own.map((cell) => cell[name])));
      const cpus = own.map(({ cpu }) => cpu);
      const spread = Math.round(((Math.max(...cpus) - Math.min(...cpus)) / 2 / median(cpus)) * 100);
      const numbers = [
        of("perSecond"),
        of("cpu"),
        spread,
        of("databaseCpu"),
        of("loadCpu"),
        of("p50"),
        of("p99"),
        of("bytes"),
      ];
      lines.push(row(workload, LABELS[server], ...numbers));
    }
  }
  const measured = WORKLOADS.filter((workload) => cells.some((cell) => cell.workload === workload));
  const notes = measured.map((workload) => {
    const count = statements?.get(workload);
    const sent = count === undefined ? "" : ` (Postern sends ${count} statement${count === 1 ? "" : "s"})`;
    return `- ${workload}: ${DESCRIPTIONS[workload]}${sent}`;
  });
  const beside = SERVERS.filter((server) => !COMPARED.includes(server)).flatMap((server) => {
    const ratios = measured.flatMap((workload) => {
      const [cpu, perSecond] = (["cpu", "perSecond"] as const).map((value) => ratioTo(cells, server, workload, value));
      return cpu && perSecond ? [`${workload} ${cpu.toFixed(2)} × and ${perSecond.toFixed(2)} ×`] : [];
    });
    return ratios.length > 0 ? [`- CPU and requests/s against ${LABELS[server]}: ${ratios.join(", ")}`] : [];
  });
  return [...lines, "", ...notes, ...beside].join("\n");
}

/** How far apart the pairs are says how much a median is worth. */
export function pairsTable(cells: readonly MeasuredCell[]): string {
  const lines = WORKLOADS.flatMap((workload) => {
    const ratios = ratiosTo(cells, "before", workload, "cpu").sort((a, b) => a - b);
    if (ratios.length === 0) return [];
    const [least, most] = [ratios[0]!, ratios.at(-1)!];
    return [row(workload, ...[median(ratios), least, most].map((ratio) => ratio.toFixed(3)), ratios.length)];
  });
  const head = row("server CPU, this commit / the one before", "median of pairs", "least", "most", "pairs");
  return [head, row("---", ...Array<string>(4).fill("---:")), ...lines].join("\n");
}

/** @returns the text, and whether a threshold was missed */
export function report(measured: Measured): { text: string; isMissed: boolean } {
  const figures = figuresOf(measured);
  const { cells, statements } = measured;
  const tables = [
    figuresTable(figures),
    ...(cells.length > 0 ? [cellsTable(cells, statements)] : []),
    ...(cells.some(({ server }) => server === "before") ? [pairsTable(cells)] : []),
  ];
  return { text: `${tables.join("\n\n")}\n`, isMissed: figures.some(({ isMet }) => isMet === false) };
}
