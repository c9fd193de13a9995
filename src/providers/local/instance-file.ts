/** What instance.json holds: the description of one local instance. All else is observed. */
import { z } from "zod";
import { DEFAULT_GROUP } from "../../values/parameter-groups.js";
import { DEFAULT_CLASS, LOCAL_CLASSES } from "./classes.js";
import { autoFailoverForm, backupWindowForm, maintenanceWindowForm, maxConnectionsForm, tagsForm } from "./forms.js";

/** The default group, which has no settings. */
export const NO_GROUP = { name: DEFAULT_GROUP, settings: {}, former: [] };

const groupForm = z.object({ name: z.string(), settings: z.record(z.string(), z.string()) });

const instanceClassForm = z.enum(LOCAL_CLASSES);

const memberForm = z.object({
  /** The name stays when the member's role changes. */
  name: z.enum(["a", "b"]),
  /** The port on loopback, which never changes. */
  port: z.number().int(),
  /** The data must never be started again: the member is to be cloned anew from the primary. */
  stale: z.boolean(),
  /** The folder to put the stale data aside in, because they may hold lost writes; null where they are of no use. */
  keep: z.string().nullable().default(null),
  /** The member was fenced because it was promoted by hand, and that is not reported yet. */
  isUntold: z.literal(true).optional(),
});

/** The configuration of an instance as it was last applied. */
const configuredForm = z.object({
  tags: tagsForm,
  maintenanceWindow: maintenanceWindowForm,
  backupWindow: backupWindowForm,
  autoFailover: autoFailoverForm.nullable().default(null),
  backupRetentionDays: z.number().int(),
  maxConnections: maxConnectionsForm.optional(),
  standby: z.boolean(),
});
export type ConfiguredLocalInstance = z.infer<typeof configuredForm>;

/** A change of the class that is decided, and not complete. */
const classChangeForm = z.object({
  from: z.object({ instanceClass: instanceClassForm, maxConnections: maxConnectionsForm.optional() }),
  /** The run of each server at the decision, by member: a server that still has it runs with the class before. */
  runs: z.record(z.string(), z.string()),
  /** Since when it waited for the maintenance window (RFC 3339); null where an operation asked for it at once. */
  requestedAt: z.string().nullable(),
  /** Why PostgreSQL does not start with the class that was wanted, where this change goes back. */
  backBecause: z.string().optional(),
});

export const instanceForm = z.object({
  providerId: z.string(),
  identifier: z.string(),
  tags: tagsForm,
  maintenanceWindow: maintenanceWindowForm,
  backupWindow: backupWindowForm,
  /** The backup window that waits for the maintenance window, and since when (RFC 3339). */
  pendingBackupWindow: z.object({ window: backupWindowForm, since: z.string() }).nullable(),
  backupRetentionDays: z.number().int().min(0).max(35),
  /** The limit for all clients together; absent in instances that were made before it was configurable. */
  maxConnections: maxConnectionsForm.optional(),
  /** When Postern fails the instance over by itself; null for never. */
  autoFailover: autoFailoverForm.nullable().default(null),
  instanceClass: instanceClassForm.default(DEFAULT_CLASS),
  /** The class that waits for the maintenance window, and since when (RFC 3339). */
  pendingInstanceClass: z.object({ instanceClass: instanceClassForm, since: z.string() }).nullable().default(null),
  /** Present until all servers run with the class: it may have to be put back. */
  classChange: classChangeForm.optional(),
  /**
   * The settings stay as they were when the group was asked for, by the operation. `former` are those of groups before that may wait for
   * a restart. `proven` is the group that the primary has last started with; it is absent where that is this one.
   */
  parameterGroup: groupForm
    .extend({ operationId: z.string().optional(), former: z.array(z.string()), proven: groupForm.optional() })
    .default(NO_GROUP),
  members: z.array(memberForm).min(1).max(2),
  /** The only member that may be started as a primary, or promoted. Nothing but this line decides that. */
  primary: memberForm.shape.name,
  /** An instance that is `stopped` stays so when Postern starts. */
  wanted: z.enum(["running", "stopped"]),
  /** Absent in an instance that does not come from configuration. */
  configured: configuredForm.optional(),
  /** The changes by configuration that are not reported yet. */
  toReport: z.record(z.string(), z.object({ from: z.unknown(), to: z.unknown() })).optional(),
});

export type LocalMember = z.infer<typeof memberForm>;
export type LocalInstance = z.infer<typeof instanceForm>;

/** @returns the member that `primary` names */
export function primaryOf({ members, primary }: LocalInstance): LocalMember {
  return members.find(({ name }) => name === primary)!;
}

export const standbysOf = ({ members, primary }: LocalInstance): LocalMember[] =>
  members.filter(({ name }) => name !== primary);
