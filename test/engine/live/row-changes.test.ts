/** Who follows rows is told where changes may have been missed, and waits while the database is away. */
import { afterAll, beforeAll, expect, inject, it, vi } from "vitest";
import { type Client, createClient } from "../../../src/db/client.js";
import { createRowChanges } from "../../../src/engine/live/index.js";
import { createLog } from "../../../src/log.js";
import { testApp } from "../../support/app.js";
import { SOON } from "../../support/soon.js";

const app = testApp();

let client: Client;
beforeAll(async () => {
  const [row] = await app.sql`select current_database() as database`;
  client = createClient({ connection: { ...inject("appConnection"), database: row?.database }, poolSize: 1 });
});
afterAll(() => client.close());

type Parameters = readonly unknown[];

/** Follows the rows of `scans` by polls whose parameters, or answers, another hand changes. */
async function follow(change: (parameters: Parameters) => Parameters | Error = (same) => same) {
  const told: (readonly string[] | "lost")[] = [];
  const log: string[] = [];
  let asked = 0;
  const changes = createRowChanges({
    async queryApart(text, parameters) {
      asked += 1;
      const changed = change(parameters);
      if (changed instanceof Error) throw changed;
      return client.queryApart(text, changed);
    },
    log: createLog("trace", { write: (line) => void log.push(JSON.parse(line).msg) }),
    timings: { liveMs: 10 },
  });
  const leave = await changes.listen("scans", { changed: (ids) => told.push(ids), lost: () => told.push("lost") });
  const note = (id: number) => app.sql`insert into row_changes (source, row_id) values ('scans', ${id})`;
  return { told, log, note, leave, stop: changes.stop, asked: () => asked, listen: changes.listen };
}

it("tells of each change once, whoever else listens, and asks no more when everybody has left", async () => {
  const { told, note, leave, stop, asked, listen } = await follow();
  const others: (readonly string[])[] = [];
  const leaveToo = await listen("operations", { changed: (ids) => others.push(ids), lost: () => undefined });
  await note(7);
  await vi.waitFor(() => expect(told).toEqual([["7"]]), SOON);
  await note(8);
  await note(7);
  await vi.waitFor(() => expect(told.flat().slice(1).toSorted()).toEqual(["7", "8"]), SOON);
  expect(others).toEqual([]);
  // Another that goes on is the clock: what is under way ends, and nothing begins any more.
  const other = await follow();
  const polls = async (count: number) => {
    const wanted = other.asked() + count;
    await vi.waitFor(() => expect(other.asked()).toBeGreaterThan(wanted), SOON);
  };
  leave();
  leaveToo();
  await polls(5);
  const last = asked();
  await polls(20);
  expect(asked()).toBe(last);
  other.leave();
  await Promise.all([stop(), other.stop()]);
});

it("tells that some may be lost where they may have been deleted", async () => {
  const { told, log, leave, stop } = await follow(([snapshot, at]) => [snapshot, at && "2026-01-01T00:00:00Z"]);
  await vi.waitFor(() => expect(told[0]).toBe("lost"), SOON);
  expect(log[0]).toBe("changes of rows were missed: who subscribes begins anew");
  leave();
  await stop();
});

it("tells so where there are more changes than a poll brings in its time", async () => {
  const { told, note, leave, stop } = await follow();
  await app.sql`insert into row_changes (source, row_id) select 'operations', n from generate_series(1, 20001) n`;
  await vi.waitFor(() => expect(told).toEqual(["lost"]), SOON);
  await note(13);
  await vi.waitFor(() => expect(told).toEqual(["lost", ["13"]]), SOON);
  leave();
  await stop();
});

it("tells so where another server answers, or one that counts from before", async () => {
  for (const column of ["snapshot", "server"] as const) {
    const told: string[] = [];
    let first = true;
    const changes = createRowChanges({
      async queryApart(text, parameters) {
        const [snapshot, server, ...rest] = await client.queryApart(text, first ? parameters : [null, null]);
        const later = `${BigInt(snapshot!.split(":")[1]!) + 1000n}`;
        const answer =
          column === "snapshot"
            ? [first ? `${later}:${later}:` : snapshot, server]
            : [snapshot, first ? "2026-01-01 00:00:00+00" : server];
        first = false;
        return [...answer, ...rest] as (string | null)[];
      },
      log: createLog("silent"),
      timings: { liveMs: 10 },
    });
    const leave = await changes.listen("scans", { changed: () => told.push("told"), lost: () => told.push("lost") });
    await vi.waitFor(() => expect(told, column).toContain("lost"), SOON);
    leave();
    await changes.stop();
  }
});

it("waits while the database is away, and loses nothing", async () => {
  let isAway = false;
  const { told, log, note, leave, stop, asked } = await follow((parameters) =>
    isAway ? new Error("away") : parameters,
  );
  isAway = true;
  await note(10);
  const before = asked();
  await vi.waitFor(() => expect(asked()).toBeGreaterThan(before + 2), SOON);
  await note(11);
  isAway = false;
  await vi.waitFor(() => expect(told).toEqual([["10", "11"]]), SOON);
  expect(log).toEqual([
    "changes of rows: the database does not answer; who subscribes waits",
    "changes of rows: the database answers again",
  ]);
  leave();
  await stop();
});

it("refuses whoever begins while the database is away, and not whoever comes later", async () => {
  let isAway = true;
  const change = (parameters: Parameters) => (isAway ? new Error("away") : parameters);
  await expect(follow(change)).rejects.toThrow("away");
  isAway = false;
  const { told, note, leave, stop } = await follow(change);
  await note(12);
  await vi.waitFor(() => expect(told).toEqual([["12"]]), SOON);
  leave();
  await stop();
});
