/** The snapshot that an operation names. */
import { z } from "zod";
import { failedPrecondition, notFound, productionProtected } from "../../errors.js";
import { checkedText } from "../checked.js";
import { isOperableEnvironment } from "../environments.js";
import type { NamedSnapshot, PreparationContext } from "./declaration.js";

export const namedSnapshotId = checkedText(255).describe(
  "The identifier of a snapshot of the instance, whatever its case. Give a vanished instance by its id.",
);

/** Names a snapshot to a provider. With `snapshotUid`, a later snapshot with the same identifier is not meant. */
export const namedSnapshotParameters = { snapshotId: z.string(), snapshotUid: z.string().optional() };

/** The statuses of a snapshot that does not exist yet, or is about to be deleted. */
const PASSING = new Set(["creating", "deleting"]);

/** @returns the snapshot of the instance @throws NOT_FOUND, PRODUCTION_PROTECTED, FAILED_PRECONDITION */
export async function requireNamedSnapshot(context: PreparationContext, snapshotId: string): Promise<NamedSnapshot> {
  const snapshot = await context.findSnapshot(snapshotId);
  if (!snapshot) throw notFound("snapshot", undefined, "snapshotId");
  if (snapshot.environment !== null && !isOperableEnvironment(snapshot.environment)) throw productionProtected();
  if (!PASSING.has(snapshot.status)) return snapshot;
  throw failedPrecondition(snapshot.status, `This snapshot is ${snapshot.status}. Try again when it is available.`);
}

/** The uid is part of it, because another snapshot may have the identifier when the operation begins. */
export const namedSnapshotKey = ({ identifier, uid }: NamedSnapshot) => ({ snapshotId: identifier, snapshotUid: uid });
