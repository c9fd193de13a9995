/** How far a standby has replayed what its primary wrote, and what keeps it from going on. */
import type { Cluster } from "../../postgres/cluster.js";
import { asSuperuser } from "../../postgres/connection.js";
import { parsePosition } from "../../postgres/control-file.js";

export type Replay = {
  /** The end of the last record that was replayed. */
  readonly position: bigint;
  /** Asked for by somebody, or by settings that do not suffice. */
  readonly isPaused: boolean;
  /** Since the last transaction that was replayed; 0 where all that has arrived is. */
  readonly lagSeconds: number;
  /** What seems to hold it up, for people; null where nothing is seen to. */
  readonly hindrance: string | null;
};

/** @throws Error when the standby does not answer */
export async function observeReplay(standby: Cluster, timeoutMs: number): Promise<Replay> {
  const [row] = await asSuperuser(
    standby,
    (sql) => sql`
      select pg_last_wal_replay_lsn()::text as position,
             pg_is_wal_replay_paused() as paused,
             case when pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() then 0
                  else coalesce(round(extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp())), 0)::int
             end as lag,
             (select wait_event from pg_stat_activity where backend_type = 'startup') as waits,
             current_setting('recovery_min_apply_delay') as delay,
             array_to_string(array(
               select pid from pg_stat_activity
                where backend_type = 'client backend' and xact_start is not null and pid <> pg_backend_pid()
                order by xact_start limit 5), ', ') as busy`,
    { timeoutMs },
  );
  const position = parsePosition(row?.position ?? "0/0");
  const { paused, lag, waits, delay, busy } = row!;
  return { position, isPaused: paused, lagSeconds: lag, hindrance: hindranceOf(waits, delay, busy) };
}

/** @returns the end of the last record that was replayed */
export const replayed = async (standby: Cluster, timeoutMs: number): Promise<bigint> =>
  (await observeReplay(standby, timeoutMs)).position;

function hindranceOf(waits: string | null, delay: string, busy: string): string | null {
  if (delay !== "0") return `recovery_min_apply_delay is ${delay}`;
  // A conflict over rows or files shows as such, one over a table as the wait for its lock.
  if (!/^RecoveryConflict|^relation$/.test(waits ?? "")) return null;
  return `its replay waits for what runs on it (${busy ? `sessions ${busy}` : "a session"}); end that`;
}
