/** How long things take at the double, in milliseconds: what is usual for small instances at AWS. */
const SECOND = 1000;
const MINUTE = 60 * SECOND;

export const DURATIONS = {
  creation: 5 * MINUTE,
  deletion: 3 * MINUTE,
  snapshot: 90 * SECOND,
  clusterSnapshot: 60 * SECOND,
  snapshotDeletion: 10 * SECOND,
  automatedBackup: 2 * MINUTE,
  reboot: 30 * SECOND,
  rebootWithFailover: 60 * SECOND,
  /** From the end of a failover until the zones show it. */
  zonesShown: 3 * MINUTE,
  clusterFailover: 30 * SECOND,
  /** Until a change without an outage is in force. */
  smallChange: 15 * SECOND,
  change: 5 * MINUTE,
  storageOptimization: 60 * MINUTE,
  parameterGroup: 30 * SECOND,
  rename: 1 * MINUTE,
  stop: 2 * MINUTE,
  start: 3 * MINUTE,
  longestStop: 7 * 24 * 60 * MINUTE,
  betweenStorageChanges: 6 * 60 * MINUTE,
} as const;
