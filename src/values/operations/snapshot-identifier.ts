/** Checks the identifiers of snapshots, and generates one where none is given. */
import { badUserInput } from "../../errors.js";
import { MAX_SNAPSHOT_IDENTIFIER, SNAPSHOT_IDENTIFIER } from "../identifiers.js";
import { MAX_TAGS } from "../tags.js";

/** What AWS allows for the snapshot of a cluster. */
const MAX_OF_CLUSTER = 63;

/** @returns how long the identifier of an instance's snapshot may be */
export const snapshotIdentifierLimit = ({ cluster }: { readonly cluster: unknown }): number =>
  cluster ? MAX_OF_CLUSTER : MAX_SNAPSHOT_IDENTIFIER;

/**
 * @returns the identifier unchanged
 * @throws BAD_USER_INPUT, field `snapshotId`
 */
export function requireSnapshotIdentifier(identifier: string, max = MAX_SNAPSHOT_IDENTIFIER): string {
  const fault = (message: string) => badUserInput("snapshotId", message);
  if (/^rds:/i.test(identifier))
    throw fault("Names that start with rds: are those of automated snapshots: choose another.");
  if (identifier.length < 1 || identifier.length > max) throw fault(`Give 1 to ${max} characters.`);
  if (!SNAPSHOT_IDENTIFIER.test(identifier)) {
    throw fault("Give letters, digits and hyphens only: a letter first, no hyphen last, no two hyphens in a row.");
  }
  return identifier;
}

/**
 * Makes a valid name of the instance's name, the time in UTC and random digits, because two snapshots may be requested in the same
 * second: `orders-db-20260801-031500-9f3a1c`.
 */
export function generateSnapshotIdentifier(
  instanceIdentifier: string,
  now: Date,
  digits: string,
  max = MAX_SNAPSHOT_IDENTIFIER,
): string {
  const time = now.toISOString().slice(0, 19).replace(/[-:]/g, "").replace("T", "-");
  const suffix = `-${time}-${digits}`;
  const name = instanceIdentifier.toLowerCase().replace(/[^a-z0-9]+/g, "-");
  const withLetter = /^[a-z]/.test(name) ? name : `snapshot-${name.replace(/^-/, "")}`;
  return withLetter.slice(0, max - suffix.length).replace(/-$/, "") + suffix;
}

/** Snapshots of RDS get the tag of their operation too. */
export const snapshotTagLimit = (provider: string): number => (provider === "aws-rds" ? MAX_TAGS - 1 : MAX_TAGS);
