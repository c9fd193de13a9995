/** All types of operation. A type's place in the list is its place in the database's enum, so new ones come last. */
import { z } from "zod";
import { changeParameterGroup } from "./change-parameter-group.js";
import { createSnapshot } from "./create-snapshot.js";
import type { OperationDeclaration } from "./declaration.js";
import { deleteSnapshot } from "./delete-snapshot.js";
import { modifyBackupWindow } from "./modify-backup-window.js";
import { modifyInstanceClass } from "./modify-instance-class.js";
import { rebootInstance } from "./reboot-instance.js";
import { restoreSnapshot } from "./restore-snapshot.js";
import { setInstanceTags } from "./set-instance-tags.js";
import { startInstance } from "./start-instance.js";
import { stopInstance } from "./stop-instance.js";

const DECLARED = [
  createSnapshot,
  rebootInstance,
  modifyBackupWindow,
  deleteSnapshot,
  restoreSnapshot,
  stopInstance,
  startInstance,
  modifyInstanceClass,
  setInstanceTags,
  changeParameterGroup,
] as const;

type Declared = (typeof DECLARED)[number];
export type OperationType = Declared["type"];

export const OPERATION_DECLARATIONS: readonly OperationDeclaration<OperationType>[] = DECLARED;
export const OPERATION_TYPES = DECLARED.map(({ type }) => type) as [OperationType, ...OperationType[]];

const BY_TYPE = new Map(OPERATION_DECLARATIONS.map((declaration) => [declaration.type, declaration]));
export const declarationOfOperation = (type: OperationType): OperationDeclaration<OperationType> => BY_TYPE.get(type)!;

/** The parameters of an operation, as they are stored and as its provider gets them. */
export type OperationParameters<T extends OperationType> = Named<
  z.output<Extract<Declared, { readonly type: T }>["parameters"]>
>;

/** Leaves out the index signature, which zod gives an object without fields. */
type Named<P> = { readonly [K in keyof P as string extends K ? never : K]: P[K] };

/** What an operation asks of the provider. `operationId` makes it safe to ask twice. The instance may be gone for operations on its snapshots. */
export type OperationRequest = {
  readonly [T in OperationType]: OperationParameters<T> & {
    readonly type: T;
    readonly operationId: string;
    readonly providerId: string;
  };
}[OperationType];

/** Checks a request that was kept. */
export const operationRequestForm = z.union(
  DECLARED.map(({ type, parameters }) =>
    z.object({ operationId: z.string(), providerId: z.string(), type: z.literal(type), ...parameters.shape }),
  ),
) as unknown as z.ZodType<OperationRequest>;

/** Whether an operation concerns a snapshot, so that it works even when the snapshot's instance is gone. */
export const isOfSnapshot = (type: OperationType): type is Extract<Declared, { readonly lane: "snapshots" }>["type"] =>
  declarationOfOperation(type).lane === "snapshots";
