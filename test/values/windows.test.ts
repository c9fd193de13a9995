/** Windows against a brute force that walks every minute of the week, and the texts that are none. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { AppError } from "../../src/errors.js";
import {
  isWithinWindow,
  lastWindowStart,
  nextWindowStart,
  parseBackupWindow,
  parseMaintenanceWindow,
  requireBackupWindow,
  windowGapMinutes,
  windowsOverlap,
} from "../../src/values/windows.js";

const RUNS = { seed: 20_261_121, numRuns: 400 };
const WEEK = 10_080;
const DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

const refusal = (act: () => unknown) => {
  try {
    act();
  } catch (error) {
    const { code, extensions, message } = error as AppError;
    return { code, field: extensions.field, message };
  }
  return "accepted";
};

const two = (number: number) => String(number).padStart(2, "0");
const time = (minute: number) => `${two(Math.floor(minute / 60) % 24)}:${two(minute % 60)}`;
const dayTime = (minute: number) => `${DAYS[Math.floor(minute / 1440) % 7]}:${time(minute)}`;

/** A window's text, and the minutes of the week it covers by walking them. */
const backups = fc
  .record({ start: fc.nat(1439), length: fc.integer({ min: 30, max: 1439 }) })
  .map(({ start, length }) => {
    const minutes = new Set<number>();
    for (let day = 0; day < 7; day++) for (let i = 0; i < length; i++) minutes.add((day * 1440 + start + i) % WEEK);
    return { text: `${time(start)}-${time(start + length)}`, minutes, start, length };
  });
const maintenances = fc
  .record({
    // Near the week's end as often as anywhere, so that wrap meets wrap.
    start: fc.oneof(fc.nat(WEEK - 1), fc.integer({ min: WEEK - 1439, max: WEEK - 1 })),
    length: fc.integer({ min: 30, max: 1439 }),
  })
  .map(({ start, length }) => {
    const minutes = new Set<number>();
    for (let i = 0; i < length; i++) minutes.add((start + i) % WEEK);
    return { text: `${dayTime(start)}-${dayTime(start + length)}`, minutes, start, length };
  });

/** Minutes between two sets on the ring, counted one by one; null where they share one. */
function walkedGap(one: ReadonlySet<number>, other: ReadonlySet<number>): number | null {
  if ([...one].some((minute) => other.has(minute))) return null;
  let narrowest = WEEK;
  let last: { in: ReadonlySet<number>; at: number } | undefined;
  for (let at = 0; at < 2 * WEEK; at++) {
    const set = [one, other].find((each) => each.has(at % WEEK));
    if (set && last && last.in !== set) narrowest = Math.min(narrowest, at - last.at - 1);
    if (set) last = { in: set, at };
  }
  return narrowest;
}

describe("a backup window", () => {
  it.each([
    ["03:00-03:30", 180, 30],
    ["23:45-00:15", 1425, 30],
    ["00:00-23:59", 0, 1439],
    ["23:59-23:58", 1439, 1439],
  ])("%s", (text, startMinute, lengthMinutes) => {
    expect(parseBackupWindow(text)).toEqual({ text, everyMinutes: 1440, startMinute, lengthMinutes });
  });

  const OUT_OF_RANGE = "25:00-26:00 24:00 24:00-24:30 03:60-04:30 03:00-24:00";
  const OTHER_FORMS =
    "3:00-4:00 03:00 003:00-04:00 03:00-04:00-05:00 0300-0400 03:00:00-04:00:00 sun:03:00-sun:04:00 +3:00-04:00";
  const OTHER_SCRIPTS = "٠٣:٠٠-٠٤:٠٠ ०३:००-०४:०० ０３:００-０４:００ 03：00-04：00 03:00–04:00";
  const BAD_FORMS = [
    ...[OUT_OF_RANGE, OTHER_FORMS, OTHER_SCRIPTS].flatMap((texts) => texts.split(" ")),
    ...["", " 03:00-04:00", "03:00-04:00 ", "03:00 - 04:00", "03:00-04:00\n", "\n03:00-04:00", "03:00-04:00\nx"],
  ];
  it.each(BAD_FORMS)("is not %j", (text) => {
    const message = "Give the window as hh:mm-hh:mm in UTC, two digits each, such as 03:00-03:30.";
    expect(refusal(() => parseBackupWindow(text))).toEqual({ code: "BAD_USER_INPUT", field: "backupWindow", message });
  });

  it.each([
    ["03:00-03:29", /too short/],
    ["23:50-00:19", /too short/],
    ["03:00-03:00", /ends when it starts/],
  ])("is not %s", (text, message) => {
    const expected = { code: "BAD_USER_INPUT", field: "backupWindow", message: expect.stringMatching(message) };
    expect(refusal(() => parseBackupWindow(text))).toEqual(expected);
  });
});

describe("a maintenance window", () => {
  it.each([
    ["sun:05:00-sun:06:00", 300, 60],
    ["Mon:23:45-TUE:00:15", 2865, 30],
    ["sat:23:30-sun:00:30", 10_050, 60],
    ["sat:12:00-sun:11:59", 9360, 1439],
  ])("%s", (text, startMinute, lengthMinutes) => {
    const window = { text: text.toLowerCase(), everyMinutes: WEEK, startMinute, lengthMinutes };
    expect(parseMaintenanceWindow(text)).toEqual(window);
  });

  const BAD_FORMS = [
    ..."05:00-06:00 sun:05:00 sun:05:00-06:00 sun:5:00-sun:6:00 sun:24:00-mon:01:00".split(" "),
    ..."xyz:05:00-sun:06:00 sunday:05:00-sunday:06:00 ſun:05:00-sun:06:00 sun:٠٥:00-sun:06:00".split(" "),
    ...["", "sun:05:00-sun:06:00\n", " sun:05:00-sun:06:00"],
  ];
  it.each(BAD_FORMS)("is not %j", (text) => {
    const message = "Give the window as ddd:hh:mm-ddd:hh:mm in UTC, such as sun:05:00-sun:05:30.";
    const expected = { code: "BAD_USER_INPUT", field: "maintenanceWindow", message };
    expect(refusal(() => parseMaintenanceWindow(text))).toEqual(expected);
  });

  it.each([
    ["sun:05:00-sun:05:29", /too short/],
    ["sat:23:45-sun:00:14", /too short/],
    ["sun:05:00-mon:05:00", /too long/],
    ["sun:05:00-sun:04:00", /too long/],
    ["sun:05:00-sun:05:00", /ends when it starts/],
  ])("is not %s", (text, message) => {
    const expected = { code: "BAD_USER_INPUT", field: "maintenanceWindow", message: expect.stringMatching(message) };
    expect(refusal(() => parseMaintenanceWindow(text))).toEqual(expected);
  });
});

describe("two windows", () => {
  it("overlap, and are apart, as walking every minute of the week says", () => {
    let overlapping = 0;
    let wrapping = 0;
    fc.assert(
      fc.property(backups, maintenances, (backup, maintenance) => {
        const one = parseBackupWindow(backup.text);
        const other = parseMaintenanceWindow(maintenance.text);
        const walked = walkedGap(backup.minutes, maintenance.minutes);
        expect(windowGapMinutes(one, other)).toBe(walked);
        expect(windowGapMinutes(other, one)).toBe(walked);
        expect(windowsOverlap(one, other)).toBe(walked === null);
        if (walked === null) overlapping++;
        if (backup.start + backup.length > 1440 && maintenance.start + maintenance.length > WEEK) wrapping++;
      }),
      RUNS,
    );
    expect(Math.min(overlapping, RUNS.numRuns - overlapping, wrapping)).toBeGreaterThan(20);
  });

  it.each([
    ["03:00-03:30", "sun:04:00-sun:05:00", 30],
    ["03:00-03:30", "sun:03:59-sun:05:00", 29],
    ["03:00-03:30", "wed:03:30-wed:04:30", 0],
    ["03:00-03:31", "wed:03:30-wed:04:30", null],
    ["04:30-05:30", "wed:03:30-wed:04:30", 0],
    ["04:29-05:30", "wed:03:30-wed:04:30", null],
    ["23:30-00:30", "sat:23:45-sun:00:15", null],
    ["00:00-00:30", "sat:23:00-sun:00:00", 0],
    ["23:00-23:30", "sat:23:45-sun:00:15", 15],
    ["00:20-23:40", "sat:23:45-sun:00:15", 5],
    ["02:00-23:00", "mon:23:10-tue:01:30", 10],
  ])("%s and %s are %s minutes apart", (backup, maintenance, minutes) => {
    expect(windowGapMinutes(parseBackupWindow(backup), parseMaintenanceWindow(maintenance))).toBe(minutes);
  });
});

describe("a wanted backup window", () => {
  const MAINTENANCE = "SUN:05:00-sun:06:00";
  const LEAVE = "the maintenance window sun:05:00-sun:06:00: leave at least 30 minutes.";

  it.each([
    [MAINTENANCE, "03:00-04:30", []],
    [null, "05:00-06:00", []],
    [MAINTENANCE, "06:30-07:00", []],
    [MAINTENANCE, "06:29-07:00", [`The window is only 29 minutes away from ${LEAVE}`]],
    [MAINTENANCE, "04:00-04:59", [`The window is only 1 minute away from ${LEAVE}`]],
    [MAINTENANCE, "06:00-06:30", [`The window touches ${LEAVE}`]],
  ])("beside %s, %s is taken", (maintenance, text, warnings) => {
    expect(requireBackupWindow(text, maintenance)).toEqual({
      window: parseBackupWindow(text),
      warnings,
    });
  });

  it("is refused where it overlaps the maintenance window", () => {
    const collision = "The window overlaps the maintenance window sun:05:00-sun:06:00";
    const message = `${collision}: choose one that ends before it or starts after it.`;
    const expected = { code: "BAD_USER_INPUT", field: "backupWindow", message };
    expect(refusal(() => requireBackupWindow("05:30-06:30", MAINTENANCE))).toEqual(expected);
  });

  it("is refused where it is none", () => {
    expect(refusal(() => requireBackupWindow("5:30-6:30", null))).toMatchObject({ field: "backupWindow" });
  });
});

describe("the clock", () => {
  const moments = fc.date({ min: new Date("1960-01-01"), max: new Date("2100-01-01"), noInvalidDate: true });
  const windows = fc.oneof(
    backups.map((each) => ({ ...each, window: parseBackupWindow(each.text) })),
    maintenances.map((each) => ({ ...each, window: parseMaintenanceWindow(each.text) })),
  );
  const minuteOfWeek = (at: Date) => at.getUTCDay() * 1440 + at.getUTCHours() * 60 + at.getUTCMinutes();

  it("is within exactly the minutes of the window", () => {
    fc.assert(
      fc.property(windows, moments, ({ window, minutes }, at) => {
        expect(isWithinWindow(window, at)).toBe(minutes.has(minuteOfWeek(at)));
      }),
      RUNS,
    );
  });

  it("finds the first start after a moment, and the last one up to it", () => {
    fc.assert(
      fc.property(windows, moments, ({ window, minutes }, after) => {
        const start = nextWindowStart(window, after);
        const distance = (start.getTime() - after.getTime()) / 60_000;
        expect(distance > 0 && distance <= window.everyMinutes).toBe(true);
        expect(start.getUTCSeconds() + start.getUTCMilliseconds()).toBe(0);
        expect(minuteOfWeek(start) % window.everyMinutes).toBe(window.startMinute);
        expect(minutes.has(minuteOfWeek(start))).toBe(true);
        expect(lastWindowStart(window, start)).toEqual(start);
        expect(lastWindowStart(window, new Date(start.getTime() - 1)).getTime()).toBe(
          start.getTime() - window.everyMinutes * 60_000,
        );
      }),
      RUNS,
    );
  });

  it.each([
    ["23:45-00:15", "2026-08-01T23:44:59.999Z", false, "2026-08-01T23:45:00.000Z"],
    ["23:45-00:15", "2026-08-01T23:45:00.000Z", true, "2026-08-02T23:45:00.000Z"],
    ["23:45-00:15", "2026-08-02T00:14:59.999Z", true, "2026-08-02T23:45:00.000Z"],
    ["23:45-00:15", "2026-08-02T00:15:00.000Z", false, "2026-08-02T23:45:00.000Z"],
    ["sat:23:30-sun:00:30", "2026-08-02T00:29:00.000Z", true, "2026-08-08T23:30:00.000Z"],
    ["sat:23:30-sun:00:30", "2026-08-08T23:29:59.000Z", false, "2026-08-08T23:30:00.000Z"],
    ["mon:00:00-mon:00:30", "2024-02-28T12:00:00.000Z", false, "2024-03-04T00:00:00.000Z"],
  ])("%s at %s: open %s, next %s", (text, at, open, next) => {
    const window = text.length > 11 ? parseMaintenanceWindow(text) : parseBackupWindow(text);
    expect(isWithinWindow(window, new Date(at))).toBe(open);
    expect(nextWindowStart(window, new Date(at)).toISOString()).toBe(next);
  });
});
