/** What a client sends to request and cancel operations. */
import { Field, ID, InputType, Int, ObjectType } from "type-graphql";
import { z } from "zod";
import { objectType } from "../../../engine/types/object-type.js";
import { KEY } from "../../../engine/types/write-classes.js";
import { idempotencyKey } from "../../../engine/types/write-types.js";
import { text } from "../../../values/checked.js";
import { Operation } from "./operations.model.js";

const INSTANCE = "The instance: its id, or its identifier where that is unique in the fleet.";
const SNAPSHOT =
  "The identifier of a snapshot of the instance, in any case. Where the instance has vanished, name that by its id.";
const WAIT =
  "Seconds to wait for the end before answering, 0 to 300: the answer comes once the operation has ended and the instance has been looked at. 0 unless given.";

@InputType({ description: "A label." })
export class TagInput {
  @Field(() => String, { description: "1 to 128 characters, not beginning with `aws:` or `rds:`." })
  key!: string;
  @Field(() => String, { description: "At most 256 characters." })
  value!: string;
}

/** What every request of an operation says. */
@InputType()
abstract class RequestInput {
  @Field(() => ID, { description: INSTANCE })
  instanceId!: string;
  @Field(() => Int, { nullable: true, description: WAIT })
  waitSeconds?: number | null;
  @Field(() => String, { nullable: true, description: KEY })
  idempotencyKey?: string | null;
}

@InputType({ description: "A snapshot to take." })
export class CreateSnapshotInput extends RequestInput {
  @Field(() => String, { nullable: true, description: "Its identifier; generated unless given. Unique in any case." })
  snapshotId?: string | null;
  @Field(() => [TagInput], { nullable: true, description: "Its labels, at most 50." })
  tags?: TagInput[] | null;
}

@InputType({ description: "A reboot." })
export class RebootInstanceInput extends RequestInput {
  @Field(() => Boolean, { nullable: true, description: "Fail over to the standby; only where there is one." })
  forceFailover?: boolean | null;
  @Field(() => Boolean, {
    nullable: true,
    description:
      "A failover may lose replication slots, which the standby does not have; unless this is true, it is refused and names them.",
  })
  acceptSlotLoss?: boolean | null;
}

@InputType({ description: "Another backup window." })
export class ModifyBackupWindowInput extends RequestInput {
  @Field(() => String, {
    description:
      "`hh:mm-hh:mm`, UTC, at least 30 minutes; it may wrap midnight, and may not overlap the maintenance window.",
  })
  backupWindow!: string;
  @Field(() => Boolean, { nullable: true, description: "At once; otherwise in the maintenance window." })
  applyImmediately?: boolean | null;
}

@InputType({ description: "A snapshot to delete." })
export class DeleteSnapshotInput extends RequestInput {
  @Field(() => String, { description: SNAPSHOT })
  snapshotId!: string;
}

@InputType({ description: "A snapshot to make another instance of." })
export class RestoreSnapshotInput extends DeleteSnapshotInput {
  @Field(() => String, {
    description:
      "Of the new instance: 1 to 63 letters, digits and hyphens. It takes the tags of its source and of the snapshot, and no identifier that would make it less protected.",
  })
  identifier!: string;
}

@InputType({ description: "Which operation to cancel." })
export class CancelOperationInput {
  @Field(() => ID, { description: "It must not have begun." })
  operationId!: string;
}

@ObjectType({ description: "The operation." })
export class OperationPayload {
  @Field(() => objectType(Operation), { description: "As it is now; poll `operation(id)` for how it goes on." })
  operation!: unknown;
}

const waitSeconds = z.number().int().min(0, "Wait 0 to 300 seconds.").max(300, "Wait 0 to 300 seconds.").nullish();
/** What every request of an operation says. */
const request = { instanceId: text(255), waitSeconds, idempotencyKey };

export const snapshotInput = z.object({
  ...request,
  snapshotId: z.string().nullish(),
  tags: z.array(z.object({ key: z.string(), value: z.string() })).nullish(),
});
export const deletionInput = z.object({ ...request, snapshotId: text(255) });
export const restoreInput = z.object({ ...request, snapshotId: text(255), identifier: z.string() });
export const rebootInput = z.object({
  ...request,
  forceFailover: z.boolean().nullish(),
  acceptSlotLoss: z.boolean().nullish(),
});
export const backupWindowInput = z.object({
  ...request,
  backupWindow: z.string({ error: "Give the window as hh:mm-hh:mm in UTC, such as 03:00-03:30." }),
  applyImmediately: z.boolean().nullish(),
});
