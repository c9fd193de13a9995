/** The statements that request the operations of bulk operations, one part after the other. */
import { eq, sql } from "drizzle-orm";
import type { Db } from "../../../db/client.js";
import type { OperationType } from "../../../values/operations/declarations.js";
import { mustBulkStop } from "./bulk-operations.table.js";
import type { BulkParallel } from "./bulk-parallel.js";
import type { BulkPartFault } from "./bulk-part.js";
import { bulkParts } from "./bulk-parts.table.js";

/** Lets one transaction count what runs and request more at a time, so that no two exceed the limits together. */
const DISPATCH = 7_239_402_334n;
export const lockBulkDispatch = async (db: Db) => db.execute(sql`select pg_advisory_xact_lock(${DISPATCH})`);

/** A part whose operation may be requested now. */
export interface NextBulkPart {
  readonly id: bigint;
  readonly instanceId: bigint;
  readonly bulkOperationId: bigint;
  readonly type: OperationType;
  readonly input: Record<string, unknown>;
  readonly requestedBy: Readonly<Record<string, string>>;
  readonly requestId: string | null;
  /** The failed operation that it repeats; null where it repeats none. */
  readonly retryOf: bigint | null;
}

/**
 * @param providers those that this replica has
 * @returns the oldest part for whose operation there is room; null where there is none. All instances of a provider other than AWS are on
 * one host
 */
export async function findNextBulkPart(
  db: Db,
  { account, host, fleet }: BulkParallel,
  providers: readonly string[],
): Promise<NextBulkPart | null> {
  const rows = await db.execute(sql`
    with open as (
      select i.provider, i.account_id from operations o join instances i on i.id = o.instance_id
      where o.bulk_operation_id is not null and o.status in ('QUEUED', 'RUNNING')
    ), going as (select b.* from bulk_operations b where b.status = 'RUNNING' and not ${mustBulkStop})
    select p.id::text, p.instance_id::text as "instanceId", p.bulk_operation_id::text as "bulkOperationId", b.type, b.input,
      b.requested_by as "requestedBy", b.request_id as "requestId", before.operation_id::text as "retryOf"
    from bulk_operation_parts p join going b on b.id = p.bulk_operation_id join instances i on i.id = p.instance_id
      left join bulk_operation_parts before on before.bulk_operation_id = b.retry_of and before.instance_id = p.instance_id
    where p.status = 'WAITING' and p.operation_id is null
      and i.provider = any (array(select jsonb_array_elements_text(${JSON.stringify(providers)}::jsonb)))
      and (select count(*) from open) < ${fleet}
      and (select count(*) from open where open.provider = i.provider and open.account_id is not distinct from i.account_id) < ${account}
      and (i.provider = 'aws-rds' or (select count(*) from open where open.provider = i.provider) < ${host})
    order by p.id limit 1`);
  const [row] = rows as unknown as (Omit<NextBulkPart, "id" | "instanceId" | "bulkOperationId" | "retryOf"> & {
    readonly [K in "id" | "instanceId" | "bulkOperationId"]: string;
  } & { readonly retryOf: string | null })[];
  if (!row) return null;
  return {
    ...row,
    id: BigInt(row.id),
    instanceId: BigInt(row.instanceId),
    bulkOperationId: BigInt(row.bulkOperationId),
    retryOf: row.retryOf === null ? null : BigInt(row.retryOf),
  };
}

/** Writes what has become of a part: its operation, or why it was refused. */
export async function updateBulkPart(
  db: Db,
  id: bigint,
  outcome: { readonly operationId: bigint } | BulkPartFault,
): Promise<void> {
  const changes = "operationId" in outcome ? outcome : { status: "REFUSED" as const, ...outcome };
  await db.update(bulkParts).set(changes).where(eq(bulkParts.id, id));
}
