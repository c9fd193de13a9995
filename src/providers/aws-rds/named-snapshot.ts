/** The snapshot that an operation names: found by its name, and known by whose it is and when it was taken. The instance may be gone. */
import { SNAPSHOT_IDENTIFIER } from "../../values/identifiers.js";
import type { Sight } from "../provider.js";
import { isArnId, parseInstanceId } from "./instance-id.js";
import type { RdsInstance } from "./instances.js";
import type { AwsScope } from "./scopes.js";
import { describeRdsSnapshot, findRdsSnapshot, type RdsSnapshot } from "./snapshots.js";

/** What was seen of it before AWS is asked, in plain JSON. */
export interface SeenSnapshot {
  readonly identifier: string;
  readonly isOfCluster: boolean;
  /** When it was taken: what is made later under the same name is another one. */
  readonly uid: string;
  readonly engine: string;
  readonly engineVersion: string;
}

interface Named {
  readonly providerId: string;
  readonly snapshotId: string;
  readonly snapshotUid?: string | undefined;
}

/** The names that AWS gives to automated snapshots are asked for as well. */
const isName = (name: string) => SNAPSHOT_IDENTIFIER.test(name.replace(/^rds:/, ""));

const uidOf = (snapshot: RdsSnapshot): string | null => describeRdsSnapshot(snapshot)?.uid ?? null;

function isOfInstance({ of, ofId }: RdsSnapshot, id: string): boolean {
  return isArnId(id) ? id.split(":").at(-1) === of : id === ofId;
}

/** @returns the snapshot, or null where the instance has none of this name @throws UNAVAILABLE */
export async function seeNamedSnapshot(
  scope: AwsScope,
  { providerId, snapshotId, snapshotUid }: Named,
  found: RdsInstance | null,
): Promise<SeenSnapshot | null> {
  if (!isName(snapshotId)) return null;
  const { id } = parseInstanceId(providerId)!;
  const cluster = found?.group?.cluster.DbClusterResourceId;
  const isMeant = (snapshot: RdsSnapshot) => snapshotUid === undefined || uidOf(snapshot) === snapshotUid;
  const look = async (isOfCluster: boolean, isOwn: (snapshot: RdsSnapshot) => boolean) => {
    const snapshot = await findRdsSnapshot(scope, snapshotId, isOfCluster);
    const uid = snapshot && uidOf(snapshot);
    if (!snapshot || !uid || !isOwn(snapshot) || !isMeant(snapshot)) return null;
    const { identifier, engine, engineVersion } = snapshot;
    return { identifier, isOfCluster, uid, engine, engineVersion };
  };
  if (found?.group) return look(true, ({ ofId }) => ofId === cluster);
  const own = await look(false, (snapshot) => isOfInstance(snapshot, id));
  // Nobody knows any more which cluster an instance that is gone was a member of: what it was seen with tells it.
  return own ?? (found || snapshotUid === undefined ? null : look(true, () => true));
}

/** @returns the snapshot that was seen, as it is now; null where it is gone, whatever has its name now @throws UNAVAILABLE */
export async function findSeenSnapshot(
  scope: AwsScope,
  { identifier, isOfCluster, uid }: SeenSnapshot,
): Promise<RdsSnapshot | null> {
  const snapshot = await findRdsSnapshot(scope, identifier, isOfCluster);
  return snapshot && uidOf(snapshot) === uid ? snapshot : null;
}

/** @returns what a look has seen, or null where there was no such snapshot */
export const seenSnapshotOf = (saw: Sight): SeenSnapshot | null => (saw.snapshot ?? null) as SeenSnapshot | null;
