/** Automated backups: taken in the backup window of an instance or cluster, and removed when their retention is over. */
import { nextWindowStart, parseBackupWindow } from "../../values/windows.js";
import { DURATIONS } from "./durations.js";
import { type DbCluster, type DbInstance, type DbSnapshot, type Region, regionArn } from "./region.js";
import { takeClusterSnapshot, takeSnapshot } from "./take-snapshot.js";

const DAY_MS = 86_400_000;

/** @returns the name of an automated snapshot: `rds:<identifier>-yyyy-mm-dd-hh-mm` */
export const automatedBackupName = ({ identifier }: DbInstance | DbCluster, at: number): string =>
  `rds:${identifier}-${new Date(at).toISOString().slice(0, 16).replace(/[T:]/g, "-")}`;

const automatedBackup = (region: Region, source: DbInstance | DbCluster, takesMs: number) =>
  ({ identifier: automatedBackupName(source, region.timeline.now()), type: "automated", takesMs }) as const;

/** Takes an automated snapshot of an instance that is available and not a member of a cluster. */
export function backUpInstance(region: Region, instance: DbInstance): void {
  const wanted = automatedBackup(region, instance, DURATIONS.automatedBackup);
  const value = regionArn(region, "db-instance", instance.identifier);
  if (region.snapshots.has(wanted.identifier)) return;
  takeSnapshot(region, instance, { ...wanted, tags: [{ key: "aws:rds:primaryDBInstanceArn", value }] });
}

function backUpCluster(region: Region, cluster: DbCluster): void {
  const wanted = automatedBackup(region, cluster, DURATIONS.clusterSnapshot);
  if (!region.clusterSnapshots.has(wanted.identifier)) takeClusterSnapshot(region, cluster, { ...wanted, tags: [] });
}

function removeExpired(region: Region, snapshots: Map<string, DbSnapshot>, source: DbInstance | DbCluster): void {
  const oldest = region.timeline.now() - source.retentionDays * DAY_MS;
  for (const [name, { type, sourceResourceId, createdAt }] of snapshots)
    if (type === "automated" && sourceResourceId === source.resourceId && createdAt < oldest) snapshots.delete(name);
}

function backUp(region: Region, source: DbInstance | DbCluster): void {
  const isInstance = "cluster" in source;
  if (source.retentionDays > 0 && source.status === "available") {
    if (isInstance) backUpInstance(region, source);
    else backUpCluster(region, source);
  }
  removeExpired(region, isInstance ? region.snapshots : region.clusterSnapshots, source);
}

/** Plans the next backup, and from then on all that follow, in place of those that were planned before. */
export function planBackups(region: Region, source: DbInstance | DbCluster): void {
  const plan = ++source.backupPlan;
  const planNext = () => {
    const next = nextWindowStart(parseBackupWindow(source.backupWindow), new Date(region.timeline.now()));
    region.timeline.at(next.getTime(), () => {
      const holder = "cluster" in source ? region.instances : region.clusters;
      if (source.backupPlan !== plan || holder.get(source.identifier) !== source) return;
      backUp(region, source);
      planNext();
    });
  };
  planNext();
}
