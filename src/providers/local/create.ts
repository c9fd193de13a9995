/** Creates local instances: the clusters first and instance.json last, so that an instance exists whole or not at all. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { Sql } from "postgres";
import { z } from "zod";
import { syncFileSystem } from "../../durability.js";
import { badUserInput } from "../../errors.js";
import type { Cluster } from "../../postgres/cluster.js";
import { connectAsSuperuser } from "../../postgres/connection.js";
import { writeOwned } from "../../postgres/owned-file.js";
import { INSTANCE_IDENTIFIER } from "../../values/identifiers.js";
import type { AutoFailover, Tag } from "../provider.js";
import { DEFAULT_CLASS } from "./classes.js";
import { autoFailoverForm, backupWindowForm, maintenanceWindowForm, maxConnectionsForm, tagsForm } from "./forms.js";
import { type Host } from "./host.js";
import { type LocalInstance, type LocalMember, NO_GROUP } from "./instance-file.js";
import { instanceIdentifierTaken } from "./instances.js";
import { makeMember } from "./members.js";
import type { TcpPorts } from "./ports.js";
import { createReplicationRole } from "./replication-role.js";
import { cloneStandby, STANDBY_START_MS } from "./standbys.js";

/** A superuser's connection, for postgres.js. */
export type NewInstanceConnection = {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly username: string;
  readonly password: string;
};

export type NewInstance = {
  /** 1 to 63 letters, digits and hyphens, a letter first. It is unique in the provider, ignoring case. */
  readonly identifier: string;
  readonly tags: readonly Tag[];
  /** `ddd:hh:mm-ddd:hh:mm`, UTC. */
  readonly maintenanceWindow: string;
  /** `hh:mm-hh:mm`, UTC. */
  readonly backupWindow: string;
  readonly backupRetentionDays: number;
  readonly standby: boolean;
  /** The limit for all clients together; the default is 50. */
  readonly maxConnections?: number | undefined;
  /** When Postern fails the instance over by itself; without it, never. */
  readonly autoFailover?: AutoFailover | null | undefined;
  /** Fills the new instance before anybody sees it. If it throws, create throws the same and removes everything. */
  readonly fill?: (connection: NewInstanceConnection) => Promise<void>;
  /** For a restored instance: its id, what ends its creation, how its data directory is made, and what happens after its first start. */
  readonly copy?: {
    readonly providerId: string;
    readonly signal: AbortSignal;
    make(dataDir: string): Promise<void>;
    started(cluster: Cluster, signal: AbortSignal): Promise<void>;
  };
};

const newInstanceForm = z.object({
  identifier: z.string().regex(INSTANCE_IDENTIFIER),
  tags: tagsForm,
  maintenanceWindow: maintenanceWindowForm,
  backupWindow: backupWindowForm,
  backupRetentionDays: z.number().int().min(0).max(35),
  maxConnections: maxConnectionsForm.default(50),
  autoFailover: autoFailoverForm.nullable().default(null),
});

/**
 * Plans an instance and its ports.
 * @param before an earlier plan of it, whose id and ports stay
 * @throws BAD_USER_INPUT
 */
export async function planToCreate(
  { instances }: Host,
  ports: TcpPorts,
  wanted: NewInstance,
  before?: LocalInstance,
): Promise<LocalInstance> {
  const form = newInstanceForm.safeParse(wanted);
  if (!form.success) throw badUserInput(String(form.error.issues[0]?.path[0]), form.error.issues[0]?.message ?? "");
  const names = wanted.standby ? (["a", "b"] as const) : (["a"] as const);
  const members: LocalInstance["members"] = [];
  for (const name of names) {
    const known = before?.members.find((member) => member.name === name);
    members.push(known ?? { name, port: await ports.choose(), stale: false, keep: null });
  }
  const providerId = before?.providerId ?? wanted.copy?.providerId ?? instances.newId();
  const configured = before?.configured;
  const instance = {
    ...form.data,
    providerId,
    pendingBackupWindow: null,
    instanceClass: DEFAULT_CLASS,
    pendingInstanceClass: null,
    parameterGroup: NO_GROUP,
    members,
    primary: "a",
    wanted: "running",
  } as const;
  return configured ? { ...instance, configured } : instance;
}

/**
 * Creates an instance and starts it.
 * @param isUnderWay whether the same identifier is being created already @param plan the plan that gives the instance its id
 * @param undo removes what exists of an instance whose creation failed
 * @returns its providerId @throws CONFLICT, BAD_USER_INPUT, Error when PostgreSQL does not start, and the signal's reason
 */
export async function createInstance(
  host: Host,
  ports: TcpPorts,
  wanted: NewInstance,
  { isUnderWay, plan }: { readonly isUnderWay: boolean; readonly plan?: LocalInstance },
  signal: AbortSignal,
  undo: (providerId: string) => Promise<void>,
): Promise<string> {
  const { instances } = host;
  const isTaken = ({ identifier }: LocalInstance) => identifier.toLowerCase() === wanted.identifier.toLowerCase();
  if (isUnderWay || (await instances.described()).some(isTaken)) {
    throw instanceIdentifierTaken(wanted);
  }
  const instance = await planToCreate(host, ports, wanted, plan);
  const [primary, ...standbys] = instance.members as [LocalMember, ...LocalMember[]];
  try {
    await instances.prepare(instance.providerId);
    const cluster = await makeMember(host, instance, primary);
    // The whole instance is synced once, at the end.
    await (wanted.copy?.make(cluster.dataDir) ?? cluster.init({ sync: false }));
    signal.throwIfAborted();
    await cluster.start(signal, STANDBY_START_MS);
    // A copy already has the role of its source.
    await (wanted.copy ? wanted.copy.started(cluster, signal) : createApplicationRole(host, cluster, signal));
    await wanted.fill?.({
      host: "127.0.0.1",
      port: primary.port,
      database: "postgres",
      ...(await cluster.superuser()),
    });
    for (const member of standbys) {
      await createReplicationRole(host, cluster, signal);
      await cloneStandby({ ...host, isSynced: false }, instance, member, signal);
    }
    await connectAsSuperuser(cluster, (sql) => sql`checkpoint`, { signal });
    signal.throwIfAborted();
    if (host.isSynced) await syncFileSystem(instances.folderOf(instance.providerId));
    await instances.insert(instance);
    return instance.providerId;
  } catch (error) {
    // What is left all the same is removed at the next start.
    await undo(instance.providerId).catch((fault) =>
      host.log.error({ err: fault, instance: instance.identifier }, "What a failed creation has left is not removed"),
    );
    throw error;
  }
}

/** The role for people and programs. Its password is in the data directory, and so in every copy. */
const APPLICATION_ROLE = "application";
const APPLICATION_PASSWORD_FILE = "application.password";

/** The role may create databases, but cannot use the connections that are reserved for superusers, and so for Postern. */
async function createApplicationRole(host: Host, primary: Cluster, signal: AbortSignal): Promise<void> {
  const password = randomBytes(24).toString("base64url");
  await writeOwned(join(primary.dataDir, APPLICATION_PASSWORD_FILE), password, host.user);
  const create = (sql: Sql) => sql.unsafe(`create role ${APPLICATION_ROLE} login createdb password '${password}'`);
  await connectAsSuperuser(primary, create, { signal });
}
