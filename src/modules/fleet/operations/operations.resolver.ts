/** The mutations that request and cancel operations. */
import type { GraphQLResolveInfo } from "graphql";
import { Arg, Ctx, FieldResolver, Info, Mutation, Resolver, Root } from "type-graphql";
import type { Call } from "../../../audit/call.js";
import { CurrentCall } from "../../../engine/types/current-call.js";
import { objectType } from "../../../engine/types/object-type.js";
import type { ReadContext } from "../../../engine/types/read-resolver.js";
import { Operation } from "./operations.model.js";
import type { OperationsService } from "./operations.service.js";
import {
  CancelOperationInput,
  CreateSnapshotInput,
  DeleteSnapshotInput,
  ModifyBackupWindowInput,
  OperationPayload,
  RebootInstanceInput,
  RestoreSnapshotInput,
} from "./operations.types.js";

@Resolver(() => OperationPayload)
export class OperationsResolver {
  constructor(private readonly operations: OperationsService) {}

  @Mutation(() => OperationPayload, { nullable: true, description: "Takes a snapshot of a non-production instance." })
  async createSnapshot(
    @CurrentCall() call: Call,
    @Arg("input", () => CreateSnapshotInput, { description: "What to copy, and how to name it." })
    input: CreateSnapshotInput,
  ) {
    return { operation: await this.operations.createSnapshot(call, input) };
  }

  @Mutation(() => OperationPayload, {
    nullable: true,
    description: "Deletes a snapshot of a non-production instance, also of one that has vanished.",
  })
  async deleteSnapshot(
    @CurrentCall() call: Call,
    @Arg("input", () => DeleteSnapshotInput, { description: "Which snapshot." }) input: DeleteSnapshotInput,
  ) {
    return { operation: await this.operations.deleteSnapshot(call, input) };
  }

  @Mutation(() => OperationPayload, {
    nullable: true,
    description:
      "Makes another instance of a snapshot of a non-production instance, also of one that has vanished. The source stays as it is.",
  })
  async restoreSnapshot(
    @CurrentCall() call: Call,
    @Arg("input", () => RestoreSnapshotInput, { description: "Which snapshot, and what it becomes." })
    input: RestoreSnapshotInput,
  ) {
    return { operation: await this.operations.restoreSnapshot(call, input) };
  }

  @Mutation(() => OperationPayload, {
    nullable: true,
    description: "Reboots a non-production instance, or fails over to its standby.",
  })
  async rebootInstance(
    @CurrentCall() call: Call,
    @Arg("input", () => RebootInstanceInput, { description: "What to reboot." }) input: RebootInstanceInput,
  ) {
    return { operation: await this.operations.rebootInstance(call, input) };
  }

  @Mutation(() => OperationPayload, {
    nullable: true,
    description: "Moves the backup window of a non-production instance.",
  })
  async modifyBackupWindow(
    @CurrentCall() call: Call,
    @Arg("input", () => ModifyBackupWindowInput, { description: "Whose window, and which." })
    input: ModifyBackupWindowInput,
  ) {
    return { operation: await this.operations.modifyBackupWindow(call, input) };
  }

  @Mutation(() => OperationPayload, { nullable: true, description: "Cancels an operation that has not begun." })
  async cancelOperation(
    @CurrentCall() call: Call,
    @Arg("input", () => CancelOperationInput, { description: "Which operation." }) input: CancelOperationInput,
  ) {
    return { operation: await this.operations.cancel(call, input) };
  }

  @FieldResolver(() => objectType(Operation))
  operation(@Root("operation") id: string, @Ctx() context: ReadContext, @Info() info: GraphQLResolveInfo) {
    return context.reads.row(Operation, id, info);
  }
}
