/** Postern is killed in the midst of failovers while somebody writes: nothing acknowledged is lost, and never do two take writes. */
import postgres from "postgres";
import { expect, test } from "vitest";
import type { OperationRequest } from "../../src/providers/provider.js";
import { cases } from "../support/deep.js";
import {
  newOperationId,
  operate,
  query,
  rebootOf,
  runProgram,
  untilEnded,
  untilStreaming,
  writablePorts,
} from "../support/ground.js";
import { eventually } from "../support/sandbox.js";
import { usePair } from "./pair.js";

const pair = usePair();

/** Where Postern is killed: at a line of its log, or so many milliseconds after it. */
const POINTS = [
  "Handing to pair",
  "Shutting pair",
  "The failover is decided",
  "Promoting pair",
  "The failover is done",
  "is being rebuilt",
];
const KILLS = Array.from({ length: cases(3, 20) }, (_, n) => {
  const delayMs = Math.floor(n / POINTS.length) * 17;
  return {
    kind: n % 3 === 1 ? "a planned" : "an automatic",
    killAt: `${POINTS[n % POINTS.length]}${delayMs ? `+${delayMs}` : ""}`,
  };
});

/** Writes one number after the other, wherever a member takes it. */
async function startWriter() {
  const { members } = await pair.describe();
  const options = await pair.provider.connectionOf("pair");
  const clients = members.map(({ endpoint }) =>
    postgres({ ...options, port: endpoint!.port, max: 1, connect_timeout: 2, backoff: () => 0.05, onnotice: () => {} }),
  );
  const acknowledged: number[] = [];
  let isOver = false;
  const writes = clients.map(async (sql, index) => {
    for (let n = index; !isOver; n += 2) {
      await sql`insert into ledger values (${n})`.then(
        () => acknowledged.push(n),
        () => new Promise((resolve) => setTimeout(resolve, 20)),
      );
    }
  });
  return {
    acknowledged,
    async stop(): Promise<void> {
      isOver = true;
      await Promise.all(clients.map((sql) => sql.end({ timeout: 0 })));
      await Promise.all(writes);
    },
  };
}

test.each(KILLS)("$kind failover with a writer, killed at $killAt", async ({ kind, killAt }) => {
  await untilStreaming(pair.provider, "pair");
  await query(pair.provider, "pair", (sql) => sql.unsafe("drop table if exists ledger; create table ledger (n int)"));
  const [primary] = await pair.roles();
  const writer = await startWriter();
  const isAutomatic = kind === "an automatic";
  await eventually(() => writer.acknowledged.length > 50);
  if (isAutomatic) {
    // Sessions go on writing, and what they write never reaches the standby.
    await pair.holdBack();
    const before = writer.acknowledged.length;
    process.kill((await pair.postmasterOf(primary)).pid, "SIGSTOP");
    await eventually(() => writer.acknowledged.length > before + 50);
  }
  const request = {
    ...rebootOf(pair.id, true),
    ...(isAutomatic && { automatic: true }),
    operationId: newOperationId(),
  } as OperationRequest;
  const folder = `${pair.ground.path}/fleet`;
  expect(await runProgram(new URL("drive.ts", import.meta.url), [folder, killAt, JSON.stringify(request)])).toBe(
    "SIGKILL",
  );
  expect((await writablePorts(pair.provider, "pair")).length).toBeLessThanOrEqual(1);

  pair.provider = await pair.open();
  await pair.provider.startAll();
  const end = await untilEnded(pair.provider, request);
  if ((await pair.status()) === "failed") {
    expect(end).toMatchObject({ state: "failed" });
    expect(await operate(pair.provider, rebootOf(pair.id, true))).toMatchObject({ state: "succeeded" });
  }
  const before = writer.acknowledged.length;
  await eventually(() => writer.acknowledged.length > before + 20, 20_000);
  expect(await writablePorts(pair.provider, "pair")).toEqual([(await pair.describe()).endpoint!.port]);
  await untilStreaming(pair.provider, "pair");
  await writer.stop();
  const rows = new Set((await query(pair.provider, "pair", (sql) => sql`select n from ledger`)).map(({ n }) => n));
  expect(writer.acknowledged.filter((n) => !rows.has(n))).toEqual([]);
  const now = (await pair.roles())[0];
  if (end.state === "succeeded") {
    expect(end.result).toMatchObject({ failedOver: true, primary: `pair-${now}` });
    if (isAutomatic) expect(end.result).toMatchObject({ missingFrom: null, keptAt: null });
  }
});
