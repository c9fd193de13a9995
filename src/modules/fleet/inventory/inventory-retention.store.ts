/** The statements that keep the inventory from growing without end: what is over is deleted after 400 days, so that two years can be compared. */
import { type SQL, sql } from "drizzle-orm";
import type { AnyPgColumn } from "drizzle-orm/pg-core";
import type { Db } from "../../../db/client.js";
import { purge } from "../../../db/purge.js";
import { environmentProposals } from "./environment-proposals.table.js";
import { instanceChanges } from "./instance-changes.table.js";
import { environmentMappings, findings, instances, snapshots } from "./inventory.table.js";
import { productionCopies } from "./production-copies.table.js";

const isOld = (moment: AnyPgColumn): SQL => sql`${moment} < now() - interval '400 days'`;
const isNamedBy = (column: AnyPgColumn, id: AnyPgColumn): SQL =>
  sql`exists (select from ${column.table} where ${column} = ${id})`;

/**
 * Deletes old changes, findings that were resolved, snapshots that their provider has no more, instances that are gone, and whence those
 * were restored. What an operation, a mapping or a proposal names stays with it.
 */
export async function deleteOldInventory(db: Db): Promise<void> {
  await purge(db, instanceChanges, isOld(instanceChanges.at));
  await purge(db, findings, isOld(findings.resolvedAt));
  await purge(
    db,
    snapshots,
    sql`${snapshots.status} = 'deleted' and ${isOld(snapshots.lookedAt)}
      and not (exists (select from operations o where o.snapshot_id = ${snapshots.id}) or ${isNamedBy(instances.lastBackupId, snapshots.id)})`,
  );
  const referring = [snapshots, findings, environmentMappings, environmentProposals].map(({ instanceId }) =>
    isNamedBy(instanceId, instances.id),
  );
  await purge(
    db,
    instances,
    sql`${isOld(instances.vanishedAt)}
      and not (exists (select from operations o where o.instance_id = ${instances.id})
        or exists (select from bulk_operation_parts p where p.instance_id = ${instances.id}) or ${sql.join(referring, sql` or `)})`,
  );
  await purge(
    db,
    productionCopies,
    sql`${isOld(productionCopies.createdAt)} and not exists (
      select from ${instances} i where i.provider = ${productionCopies.provider} and i.provider_id = ${productionCopies.providerId})`,
  );
}
