/** Operations that are scheduled, for their tests: instances with windows, and how time is passed. */
import { afterAll, beforeAll } from "vitest";
import { type Client, testApp } from "./app.js";
import { operationOf, recordsOf } from "./fleet-app.js";
import { eventually } from "./sandbox.js";
import { polling, scriptedProvider } from "./scripted-provider.js";

export const MINUTE_MS = 60_000;

export const DAY_MS = 1440 * MINUTE_MS;

export const DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/** `ddd:hh:mm`, so many minutes from now. */
export const dayTime = (minutes: number) => {
  const at = new Date(Date.now() + minutes * MINUTE_MS);
  return `${DAYS[at.getUTCDay()]}:${at.toISOString().slice(11, 16)}`;
};

export const WINDOWS = {
  "end-of-week": "Sat:23:30-Sun:00:30",
  midnight: "wed:23:45-thu:00:15",
  "first-minute": "SUN:00:00-SUN:00:30",
  open: `${dayTime(-10)}-${dayTime(50)}`,
  soon: `${dayTime(60)}-${dayTime(90)}`,
};

export const micro = (moment: string) => moment.replace("Z", "000Z");

/** Starts an app with these instances for the calling file. */
export function useSchedule() {
  const provider = scriptedProvider();
  const names = ["plain", "clock", "busy", "late", "killed", "two", "full", "cancelled", "changed", "stuck", "gone"];
  for (const identifier of names) provider.add(identifier);
  for (const [identifier, maintenanceWindow] of Object.entries(WINDOWS))
    provider.add(identifier, { maintenanceWindow });
  const app = testApp(polling({ scripted: 600 }), async () => [provider], { sweepMs: 200 });
  let dba: Client;
  beforeAll(async () => {
    dba = await app.as("dba");
  });
  afterAll(() => provider.release());
  /** The database's clock. */
  const now = async () => new Date((await app.sql`select extract(epoch from now())::float8 * 1000 as ms`)[0]?.ms);
  const inMinutes = async (minutes: number) => new Date((await now()).getTime() + minutes * MINUTE_MS).toISOString();
  /** The database's clock leaps by so much, as the operations that wait for it see it. */
  const leap = (ms: number) =>
    app.sql`update operations set run_at = run_at - ${ms} * interval '1 millisecond' where status in ('SCHEDULED', 'QUEUED')`;
  // Not by the API, where an access token may have expired by a clock.
  const statusOf = async (id: string) => (await app.sql`select status from operations where id = ${id}`)[0]?.status;
  const runAtOf = async (id: string) =>
    (await dba.run(`{ operation(id: "${id}") { runAt } }`)).data.operation.runAt as string;
  const comes = (id: string, status: string) =>
    eventually(async () => {
      const operation = await operationOf(dba, id);
      return operation.status === status && operation;
    });
  /** Its time comes so many minutes ago, as if nobody had looked until now. */
  const isDue = (id: string, minutesAgo = 0) =>
    app.sql`update operations set run_at = now() - ${minutesAgo} * interval '1 minute' where id = ${id}`;
  /** Whoever sweeps has looked twice since now. */
  const swept = async () => {
    const [row] = await app.sql`
      insert into operations (type, lane, instance_id, parameters, status, requested_by, run_at)
      select 'REBOOT_INSTANCE', 'servers', id, '{"forceFailover": false}', 'SCHEDULED', '{"type": "system", "name": "test"}', now()
      from instances where identifier = 'clock' returning id::text`;
    await eventually(async () => (await statusOf(row?.id)) === "SUCCEEDED");
  };
  const actionsOf = async (id: string) => (await recordsOf(app, id)).map(({ action }) => action);

  return {
    provider,
    app,
    now,
    inMinutes,
    leap,
    statusOf,
    runAtOf,
    comes,
    isDue,
    swept,
    actionsOf,
    /** @returns what the hooks have opened */
    opened: () => ({ dba }),
  };
}
