/** Counters in memory are bounded in number, and go when their windows end. */
import { expect, it } from "vitest";
import { MemoryCounters } from "../../src/rate-limits/memory-counters.js";

const take = (counters: MemoryCounters, key: string, nowMs: number) => ++counters.find(key, nowMs).points;

it("the oldest goes where there are too many", () => {
  const counters = new MemoryCounters({ points: 9, seconds: 60 }, 3);
  for (const key of ["a", "b", "c", "b", "d"]) take(counters, key, 0);
  expect(["b", "c", "d"].map((key) => take(counters, key, 59_999))).toEqual([3, 2, 2]);
  expect(take(counters, "a", 59_999)).toBe(1);
});

it("windows that have ended make room, and begin anew", () => {
  const counters = new MemoryCounters({ points: 9, seconds: 60 }, 3);
  for (const [key, nowMs] of Object.entries({ a: 0, b: 1, c: 2 })) take(counters, key, nowMs);
  expect(take(counters, "a", 60_001)).toBe(1);
  expect(take(counters, "d", 60_001)).toBe(1);
  expect(["c", "a", "d"].map((key) => take(counters, key, 60_001))).toEqual([2, 2, 2]);
});
