/** The statements of plans: what else runs then, how long it took before, and how many snapshots there are. */
import { type SQL, sql } from "drizzle-orm";
import type { Db } from "../../../db/client.js";
import type { OperationType } from "../../../values/operations/declarations.js";
import { instances, snapshots } from "../inventory/inventory.table.js";
import { operations } from "./operations.table.js";

/** More of them are not told. */
const MAX_NEIGHBOURS = 20;

/** An operation on an instance of the same account or host. */
export interface NeighbouringOperation {
  readonly id: string;
  readonly type: OperationType;
  readonly status: string;
  readonly identifier: string;
  /** When it begins, RFC 3339; null where it waits for its turn, or runs. */
  readonly runAt: string | null;
}

interface Account {
  readonly provider: string;
  readonly accountId: string | null;
}

/** Spelled so that an index serves it, where nothing is meant too. */
const isSame = (column: SQL, value: string | null) =>
  value === null ? sql`${column} is null` : sql`${column} = ${value}`;

const isOfAccount = ({ provider, accountId }: Account) =>
  sql`i.provider = ${provider} and ${isSame(sql`i.account_id`, accountId)}`;

/** @returns the operations of an account that begin within an hour of that moment, and those that wait or run where it is that soon */
export async function listNeighbouringOperations(
  db: Db,
  account: Account,
  at: Date,
): Promise<readonly NeighbouringOperation[]> {
  const moment = sql`${at.toISOString()}::timestamptz`;
  const runAt = sql`to_char(${operations.runAt} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')`;
  const found = sql`select ${operations.id}, ${operations.type}, ${operations.status}, i.identifier, ${runAt} as "runAt"
    from ${operations} join ${instances} i on i.id = ${operations.instanceId} and ${isOfAccount(account)}`;
  // Each of the two has an index of its own, whose condition it repeats word by word.
  const rows = await db.execute(sql`select id::text, type, status, identifier, "runAt" from (
      (${found} where ${operations.status} in ('SCHEDULED', 'QUEUED') and ${operations.runAt} is not null
        and ${operations.runAt} > ${moment} - interval '1 hour' and ${operations.runAt} < ${moment} + interval '1 hour'
        order by ${operations.runAt} limit ${MAX_NEIGHBOURS})
      union
      (${found} where (${operations.status} in ('QUEUED', 'RUNNING') or (${operations.status} = 'TIMED_OUT' and ${operations.settledAt} is null))
        -- What timed out is taken to run for an hour more.
        and (${operations.status} <> 'TIMED_OUT' or ${operations.endedAt} > now() - interval '1 hour')
        and ${moment} < now() + interval '1 hour' order by ${operations.id} desc limit ${MAX_NEIGHBOURS})
    ) neighbours order by id::bigint limit ${MAX_NEIGHBOURS}`);
  return rows as unknown as NeighbouringOperation[];
}

/** How long an operation took the last ten times, at most. */
export interface LastRuns {
  readonly count: number;
  readonly averageSeconds: number | null;
  readonly longestSeconds: number | null;
}

/** @returns how long operations of a type took that succeeded on an instance */
export async function findLastRuns(db: Db, instanceId: bigint, type: OperationType): Promise<LastRuns> {
  const rows = await db.execute(sql`
    select count(*)::int as count, avg(duration_seconds) as "averageSeconds", max(duration_seconds) as "longestSeconds" from (
      select ${operations.durationSeconds} from ${operations}
      where ${operations.instanceId} = ${instanceId} and ${operations.type} = ${type}
        and ${operations.success} and ${operations.durationSeconds} is not null
      order by ${operations.id} desc limit 10
    ) last`);
  return (rows as unknown as LastRuns[])[0]!;
}

/** @returns how many manual snapshots an account has in a region, of instances or of clusters; those of AWS Backup do not count */
export async function countManualSnapshots(
  db: Db,
  { region, ...account }: Account & { readonly region: string | null },
  areOfClusters: boolean,
): Promise<number> {
  const rows = await db.execute(sql`
    select count(*)::int as count from ${snapshots} join ${instances} i on i.id = ${snapshots.instanceId}
      and ${isOfAccount(account)} and ${isSame(sql`i.region`, region)}
    where not ${snapshots.automated} and ${snapshots.status} <> 'deleted' and ${snapshots.identifier} not like 'awsbackup:%'
      and (${snapshots.arn} like '%:cluster-snapshot:%') = ${areOfClusters}`);
  return (rows as unknown as { count: number }[])[0]!.count;
}
