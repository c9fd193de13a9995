/** How the planner has its statements run, alone or shared with others who ask the same. */
import type { UsualTime } from "../../db/driver/usual-time.js";

/** The only row that a statement answers. */
export type PlannerRow = readonly (string | null)[];

/** Runs one statement. */
export type PlannerQuery = (
  text: string,
  parameters: unknown[],
  prepare: boolean,
  usual: UsualTime,
) => Promise<PlannerRow>;

/** Answers a statement: by `ask`, or by what another one was answered that has the same text and parameters. */
export type ShareRead = (
  text: string,
  parameters: readonly unknown[],
  ask: () => Promise<PlannerRow>,
) => Promise<PlannerRow>;

export const askAlone: ShareRead = (_text, _parameters, ask) => ask();
