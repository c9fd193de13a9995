/** Parses backup and maintenance windows, and says when one opens and whether two collide. All times are UTC. */
import { badUserInput } from "../errors.js";

const DAY = 24 * 60;
const WEEK = 7 * DAY;
const MIN_MINUTES = 30;
/** A shorter gap between the two windows is worth a warning. */
const NARROW_GAP_MINUTES = 30;

const DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
/** The minute of the week at which Unix time begins: 1 January 1970 was a Thursday. */
const EPOCH_MINUTE = DAYS.indexOf("thu") * DAY;

/** A stretch of time that repeats every day or every week. */
interface Window {
  /** The window as AWS writes it, in lower case. */
  readonly text: string;
  readonly everyMinutes: typeof DAY | typeof WEEK;
  /** Minutes after midnight; for a weekly window, after the midnight before Sunday. */
  readonly startMinute: number;
  readonly lengthMinutes: number;
}

const modulo = (value: number, divisor: number) => ((value % divisor) + divisor) % divisor;

const TIME = "([01][0-9]|2[0-3]):([0-5][0-9])";
/** `hh:mm-hh:mm`. */
export const BACKUP_WINDOW = new RegExp(`^${TIME}-${TIME}$`);
const DAY_TIME = `(${DAYS.join("|")}):${TIME}`;
/** `ddd:hh:mm-ddd:hh:mm`, in lower case. */
export const MAINTENANCE_WINDOW = new RegExp(`^${DAY_TIME}-${DAY_TIME}$`);

const minuteOf = (hours = "", minutes = "", day = "sun") =>
  DAYS.indexOf(day) * DAY + Number(hours) * 60 + Number(minutes);

function windowOf(text: string, everyMinutes: Window["everyMinutes"], start: number, end: number): Window {
  return { text, everyMinutes, startMinute: start, lengthMinutes: modulo(end - start, everyMinutes) };
}

/**
 * @param text `hh:mm-hh:mm`, at least 30 minutes; it may pass midnight
 * @throws BAD_USER_INPUT, field `backupWindow`
 */
export function parseBackupWindow(text: string): Window {
  const fault = (message: string) => badUserInput("backupWindow", message);
  const window = backupWindowOf(text);
  if (!window) throw fault("Give the window as hh:mm-hh:mm in UTC, two digits each, such as 03:00-03:30.");
  if (window.lengthMinutes === 0) throw fault("The window ends when it starts: let it end at least 30 minutes later.");
  if (window.lengthMinutes < MIN_MINUTES) throw fault("The window is too short: give at least 30 minutes.");
  return window;
}

/** @returns the window of a text in the form BACKUP_WINDOW, of any length; null for another text */
export function backupWindowOf(text: string): Window | null {
  const [matched, ...times] = BACKUP_WINDOW.exec(text) ?? [];
  if (matched === undefined) return null;
  const [fromHours, fromMinutes, toHours, toMinutes] = times;
  return windowOf(text, DAY, minuteOf(fromHours, fromMinutes), minuteOf(toHours, toMinutes));
}

/** @returns the window of a text in the form MAINTENANCE_WINDOW, in any case and of any length; null for another text */
export function maintenanceWindowOf(text: string): Window | null {
  const lower = text.toLowerCase();
  const parts = MAINTENANCE_WINDOW.exec(lower);
  if (!parts) return null;
  const [, fromDay, fromHours, fromMinutes, toDay, toHours, toMinutes] = parts;
  const start = minuteOf(fromHours, fromMinutes, fromDay);
  return windowOf(lower, WEEK, start, minuteOf(toHours, toMinutes, toDay));
}

/**
 * @param text `ddd:hh:mm-ddd:hh:mm`, at least 30 minutes and less than 24 hours; it may pass midnight and the end of the week
 * @throws BAD_USER_INPUT, field `maintenanceWindow`
 */
export function parseMaintenanceWindow(text: string): Window {
  const fault = (message: string) => badUserInput("maintenanceWindow", message);
  const window = maintenanceWindowOf(text);
  if (!window) throw fault("Give the window as ddd:hh:mm-ddd:hh:mm in UTC, such as sun:05:00-sun:05:30.");
  if (window.lengthMinutes === 0) throw fault("The window ends when it starts: let it end at least 30 minutes later.");
  if (window.lengthMinutes < MIN_MINUTES) throw fault("The window is too short: give at least 30 minutes.");
  if (window.lengthMinutes >= DAY) throw fault("The window is too long: give less than 24 hours.");
  return window;
}

/** The minutes of the week at which a window starts: one, or one for each day. */
const startsInWeek = ({ everyMinutes, startMinute }: Window): number[] =>
  Array.from({ length: WEEK / everyMinutes }, (_, index) => startMinute + index * everyMinutes);

/** @returns the shortest gap between the end of one window and the start of the other; null where they overlap */
export function windowGapMinutes(first: Window, second: Window): number | null {
  const gaps = startsInWeek(first).flatMap((firstStart) =>
    startsInWeek(second).map((secondStart) => {
      const after = modulo(secondStart - firstStart, WEEK) - first.lengthMinutes;
      const before = modulo(firstStart - secondStart, WEEK) - second.lengthMinutes;
      return Math.min(after, before);
    }),
  );
  const narrowest = Math.min(...gaps);
  return narrowest < 0 ? null : narrowest;
}

/** Whether two windows share a minute on any day. Windows that only touch do not. */
export const windowsOverlap = (first: Window, second: Window): boolean => windowGapMinutes(first, second) === null;

/**
 * Checks a backup window against the maintenance window of the instance, where it has one.
 * @returns the window, and warnings for the caller
 * @throws BAD_USER_INPUT, field `backupWindow`
 */
export function requireBackupWindow(
  text: string,
  maintenanceWindow: string | null,
): { readonly window: Window; readonly warnings: readonly string[] } {
  const window = parseBackupWindow(text);
  if (maintenanceWindow === null) return { window, warnings: [] };
  const maintenance = parseMaintenanceWindow(maintenanceWindow);
  const gap = windowGapMinutes(window, maintenance);
  if (gap === null) {
    const message = `The window overlaps the maintenance window ${maintenance.text}: choose one that ends before it or starts after it.`;
    throw badUserInput("backupWindow", message);
  }
  if (gap >= NARROW_GAP_MINUTES) return { window, warnings: [] };
  const distance = gap === 0 ? "touches" : `is only ${gap} minute${gap === 1 ? "" : "s"} away from`;
  const warning = `The window ${distance} the maintenance window ${maintenance.text}: leave at least ${NARROW_GAP_MINUTES} minutes.`;
  return { window, warnings: [warning] };
}

const MINUTE_MS = 60_000;
const msIntoWindow = ({ everyMinutes, startMinute }: Window, at: Date) =>
  modulo(at.getTime() + (EPOCH_MINUTE - startMinute) * MINUTE_MS, everyMinutes * MINUTE_MS);

/** Whether the window is open at that moment. The start belongs to the window, the end does not. */
export const isWithinWindow = (window: Window, at: Date): boolean =>
  msIntoWindow(window, at) < window.lengthMinutes * MINUTE_MS;

/** Whether the window is open at that moment, opens within so many minutes, or has closed within them. */
export const isNearWindow = (window: Window, at: Date, minutes: number): boolean =>
  isWithinWindow(
    { ...window, startMinute: window.startMinute - minutes, lengthMinutes: window.lengthMinutes + 2 * minutes },
    at,
  );

/** @returns when the window last opened; `at` itself where the window opens then */
export const lastWindowStart = (window: Window, at: Date): Date => new Date(at.getTime() - msIntoWindow(window, at));

/** @returns when the window opens next, strictly after that moment */
export const nextWindowStart = (window: Window, after: Date): Date =>
  new Date(lastWindowStart(window, after).getTime() + window.everyMinutes * MINUTE_MS);
