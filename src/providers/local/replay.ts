/** Observes how far a standby has replayed, and what blocks its replay. */
import type { Cluster } from "../../postgres/cluster.js";
import { connectAsSuperuser } from "../../postgres/connection.js";
import { parsePosition } from "../../postgres/control-file.js";

export type Replay = {
  /** The end of the last record that was replayed. */
  readonly position: bigint;
  /** True where somebody paused the replay, or a setting is too low. */
  readonly isPaused: boolean;
  /** The age of the last replayed transaction; 0 where all received WAL is replayed. */
  readonly lagSeconds: number;
  /** What seems to block the replay, for people; null where nothing does. */
  readonly hindrance: string | null;
};

/** @throws Error when the standby does not answer */
export async function observeReplay(standby: Cluster, timeoutMs: number): Promise<Replay> {
  const [row] = await connectAsSuperuser(
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
export const readReplayPosition = async (standby: Cluster, timeoutMs: number): Promise<bigint> =>
  (await observeReplay(standby, timeoutMs)).position;

function hindranceOf(waits: string | null, delay: string, busy: string): string | null {
  if (delay !== "0") return `recovery_min_apply_delay is ${delay}`;
  // A conflict over rows or files has a wait event of its own; one over a table shows as the wait for its lock.
  if (!/^RecoveryConflict|^relation$/.test(waits ?? "")) return null;
  return `its replay waits for what runs on it (${busy ? `sessions ${busy}` : "a session"}); end that`;
}
