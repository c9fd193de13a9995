/** A provider that lives in memory, and rows of instances for tests that need no cluster. */

import { AppError } from "../../src/errors.js";
import { UNOBSERVED_MEMBER } from "../../src/providers/member.js";
import {
  type InstanceDescription,
  type OperationRequest,
  type Poll,
  type Provider,
  type SnapshotDescription,
} from "../../src/providers/provider.js";
import { OPERATION_TYPES } from "../../src/values/operations/declarations.js";
import { tagsAfter } from "../../src/values/tags.js";
import type { TestApp } from "./app.js";

export const HOST = "db.internal.example";

export const describeInstance = (changes: Partial<InstanceDescription> = {}): InstanceDescription => ({
  providerId: "p-1",
  identifier: "orders-test",
  arn: null,
  accountId: "111122223333",
  region: "eu-central-1",
  engine: "postgres",
  engineVersion: "15.8",
  instanceClass: "db.t4g.medium",
  pendingInstanceClass: null,
  parameterGroup: { name: "default.postgres15", status: "in-sync" },
  storageGiB: 20,
  multiAz: true,
  status: "available",
  endpoint: { host: HOST, port: 5432 },
  members: [
    { name: "a", role: "PRIMARY", endpoint: { host: HOST, port: 5432 }, ...UNOBSERVED_MEMBER },
    { name: "b", role: "STANDBY", endpoint: { host: HOST, port: 5433 }, ...UNOBSERVED_MEMBER },
    { name: "c", role: "STANDBY", endpoint: null, ...UNOBSERVED_MEMBER },
  ],
  cluster: null,
  tags: [
    { key: "Environment", value: "test" },
    { key: "quote \" \\ '", value: "é 漢 😀 \t </script>" },
  ],
  backupWindow: "03:00-03:30",
  pendingBackupWindow: null,
  maintenanceWindow: "sun:05:00-sun:05:30",
  backupRetentionDays: 7,
  autoFailover: { afterSeconds: 30, maxLagBytes: 16_777_216 },
  findings: [],
  ...changes,
});

/** A provider that does not answer: what the database holds stays as the test wrote it, and nothing that is accepted runs. */
export function silentProvider(name = "port"): Provider {
  const silent = () => Promise.reject(new AppError("UNAVAILABLE", "The provider does not answer."));
  return {
    name,
    operations: OPERATION_TYPES,
    scopes: [{ accountId: name, region: null, name: null }],
    discovery: { everySeconds: 60, snapshotsEverySeconds: 60 },
    takesAutomatedSnapshots: true,
    reportTo: () => undefined,
    upkeep: async () => undefined,
    watch: async () => [],
    list: silent,
    isRestoredBy: async () => false,
    describe: silent,
    describeWithSiblings: silent,
    logTail: silent,
    figures: silent,
    listSnapshots: silent,
    listScopeSnapshots: silent,
    deleteSnapshot: silent,
    look: silent,
    start: silent,
    poll: silent,
    cancel: silent,
  };
}

/** A provider whose operations end at once, as far as it is not told to hold them. */
export function memoryProvider(descriptions: InstanceDescription[], name = "port") {
  const instances = new Map(descriptions.map((description) => [description.providerId, description]));
  const snapshots = new Map<string, SnapshotDescription[]>();
  const ends = new Map<string, Poll>();
  const state = { held: new Set<string>(), silent: false };

  function perform(request: OperationRequest): Poll {
    const instance = instances.get(request.providerId) as InstanceDescription;
    const succeeded = { state: "succeeded", resourceStatus: "available", message: "Done." } as const;
    if (request.type === "CREATE_SNAPSHOT") {
      const snapshot: SnapshotDescription = {
        uid: request.operationId,
        identifier: request.snapshotId,
        arn: `arn:example:snapshot:${request.snapshotId}`,
        status: "available",
        sizeBytes: 123_456_789,
        createdAt: new Date().toISOString(),
        tags: request.tags,
        automated: request.automated,
      };
      snapshots.set(request.providerId, [...(snapshots.get(request.providerId) ?? []), snapshot]);
      return { ...succeeded, result: { snapshotId: snapshot.identifier }, snapshot };
    }
    if (request.type === "REBOOT_INSTANCE") {
      const [first, ...rest] = instance.members;
      const members = request.forceFailover
        ? [{ ...first!, role: "STANDBY" as const }, { ...rest[0]!, role: "PRIMARY" as const }, ...rest.slice(1)]
        : instance.members;
      instances.set(request.providerId, { ...instance, members });
      const primary = members.find(({ role }) => role === "PRIMARY")?.name;
      return { ...succeeded, result: { awaySeconds: 1.5, failedOver: request.forceFailover, primary } };
    }
    if (request.type === "DELETE_SNAPSHOT") {
      const left = (snapshots.get(request.providerId) ?? []).filter(
        ({ identifier }) => identifier !== request.snapshotId,
      );
      snapshots.set(request.providerId, left);
      return { ...succeeded, resourceStatus: "deleted", result: { snapshotId: request.snapshotId } };
    }
    if (request.type === "RESTORE_SNAPSHOT") {
      const { identifier, tags } = request;
      instances.set(identifier, { ...instance, providerId: identifier, identifier, tags });
      return { ...succeeded, result: { identifier, providerId: identifier } };
    }
    if (request.type === "STOP_INSTANCE" || request.type === "START_INSTANCE") {
      const status = request.type === "STOP_INSTANCE" ? "stopped" : "available";
      instances.set(request.providerId, { ...instance, status });
      return { ...succeeded, resourceStatus: status, result: {} };
    }
    if (request.type === "CHANGE_PARAMETER_GROUP") {
      const parameterGroup = { name: request.parameterGroup, status: "pending-reboot" };
      instances.set(request.providerId, { ...instance, parameterGroup });
      return { ...succeeded, result: { parameterGroup } };
    }
    if (request.type === "MODIFY_INSTANCE_CLASS") {
      const { instanceClass: wanted, applyImmediately } = request;
      const changed = applyImmediately ? { instanceClass: wanted } : { pendingInstanceClass: wanted };
      instances.set(request.providerId, { ...instance, ...changed });
      const { instanceClass, pendingInstanceClass } = { ...instance, ...changed };
      return { ...succeeded, result: { instanceClass, pendingInstanceClass } };
    }
    if (request.type === "SET_INSTANCE_TAGS") {
      const tags = tagsAfter(instance.tags, request);
      instances.set(request.providerId, { ...instance, tags });
      return { ...succeeded, result: { tags } };
    }
    const { backupWindow, applyImmediately } = request;
    const changed = applyImmediately ? { backupWindow } : { pendingBackupWindow: backupWindow };
    instances.set(request.providerId, { ...instance, ...changed });
    const { backupWindow: now, pendingBackupWindow } = { ...instance, ...changed };
    return { ...succeeded, result: { backupWindow: now, pendingBackupWindow } };
  }

  const provider: Provider = {
    ...silentProvider(name),
    look: async () => ({}),
    list: (scope) => (state.silent ? silentProvider().list(scope) : Promise.resolve([...instances.values()])),
    describe: async (providerId) => instances.get(providerId) ?? null,
    describeWithSiblings: async (providerId) => [instances.get(providerId)].filter((each) => each !== undefined),
    listSnapshots: async (providerId) => snapshots.get(providerId) ?? [],
    listScopeSnapshots: async () =>
      [...snapshots].flatMap(([providerId, ofOne]) => ofOne.map((snapshot) => ({ providerId, snapshot }))),
    async start(request) {
      if (!state.held.has(request.providerId)) ends.set(request.operationId, perform(request));
      else ends.set(request.operationId, { state: "running", resourceStatus: "busy", message: "Held.", percent: 50 });
    },
    poll: async ({ operationId }) => ends.get(operationId) ?? { state: "unknown" },
  };
  return {
    provider,
    /** Operations on this instance run without an end. */
    hold: (providerId: string) => void state.held.add(providerId),
    /** The inventory is not refreshed any more: no statements by the clock. */
    silence: () => {
      state.silent = true;
    },
  };
}

let number = 0;

/** Writes an instance. @returns its id */
export async function insertInstance(
  { sql }: Pick<TestApp, "sql">,
  environment: string,
  changes: Partial<InstanceDescription> = {},
  provider = "port",
): Promise<string> {
  number += 1;
  const it = describeInstance({ providerId: `row-${number}`, identifier: `row-${number}-x`, ...changes });
  const classification = {
    environment,
    decidedBy: "TAG",
    conflict: false,
    dispute: null,
    evidence: ["TAG", "INSTANCE_MAPPING", "ACCOUNT_MAPPING", "NAME_PATTERN", "DEFAULT"].map((method) => ({
      method,
      environment: method === "TAG" ? environment : null,
      detail: `What ${method} says.`,
    })),
  };
  // As text first: the driver would encode an object by itself.
  const json = (value: unknown) => (value === null ? null : JSON.stringify(value));
  const [row] = await sql`
    insert into instances (provider, provider_id, identifier, account_id, region, engine, engine_version, instance_class,
      storage_gib, multi_az, status, endpoint, members, tags, auto_failover, backup_window, pending_backup_window, maintenance_window,
      backup_retention_days, environment, classification)
    values (${provider}, ${it.providerId}, ${it.identifier}, ${it.accountId}, ${it.region}, ${it.engine}, ${it.engineVersion},
      ${it.instanceClass}, ${it.storageGiB}, ${it.multiAz}, ${it.status}, ${json(it.endpoint)}::text::jsonb,
      ${json(it.members)}::text::jsonb, ${json(it.tags)}::text::jsonb, ${json(it.autoFailover)}::text::jsonb, ${it.backupWindow}, ${it.pendingBackupWindow},
      ${it.maintenanceWindow}, ${it.backupRetentionDays}, ${environment}, ${json(classification)}::text::jsonb)
    returning id::text`;
  return row?.id;
}

/** Writes a finding that is open. @returns its id */
export async function insertFinding(
  { sql }: TestApp,
  instanceId: string,
  kind = "standby_not_replaying",
): Promise<string> {
  const [row] = await sql`
    insert into findings (instance_id, kind, severity, subject, detail)
    values (${instanceId}, ${kind}, 'WARNING', 'b', 'It says "wait".') returning id::text`;
  return row?.id;
}

/** Writes a proposal of an administrator who is not one of the demo's: the instance is to be TEST. @returns its id */
export async function insertProposal({ sql }: TestApp, instanceId: string): Promise<string> {
  const [row] = await sql`
    insert into environment_proposals (kind, instance_id, environment, rules_version, reason, changes, change_count, covered, created_by, expires_at)
    select 'MAPPING', ${instanceId}, 'TEST', 0, 'It is "one".', '[]', 0, '{}',
      jsonb_build_object('type', 'user', 'id', id::text, 'email', email, 'role', 'ADMIN'), now() + interval '1 day'
    from users where email = 'root@postern.example' returning id::text`;
  return row?.id;
}

/** Writes an operation. One that is RUNNING belongs to a worker elsewhere that lives, so that others on the instance wait. @returns its id */
export async function insertOperation(
  { sql }: Pick<TestApp, "sql">,
  instanceId: string,
  status = "QUEUED",
  type = "REBOOT_INSTANCE",
): Promise<string> {
  const [row] = await sql`
    insert into operations (type, instance_id, parameters, status, requested_by, started_at, worker, lease_until, progress)
    values (${type}, ${instanceId}, '{"forceFailover": false}', ${status}, '{"type": "system", "name": "test"}',
      case when ${status} = 'RUNNING' then now() end, case when ${status} = 'RUNNING' then 'elsewhere' end,
      case when ${status} = 'RUNNING' then now() + interval '1 hour' end,
      '[{"at": "2026-01-01T00:00:00.000Z", "resourceStatus": "rebooting", "message": "It says \\"wait\\".", "percent": null}]')
    returning id::text`;
  return row?.id;
}

/** Writes a snapshot that is there. @returns its id */
export async function insertSnapshot({ sql }: TestApp, instanceId: string, identifier: string): Promise<string> {
  const [row] = await sql`
    insert into snapshots (instance_id, identifier, arn, uid, status, size_bytes, tags, automated, created_at)
    values (${instanceId}, ${identifier}, ${`arn:example:snapshot:${identifier}`}, 'x', 'available', 7, '[]', false, now())
    returning id::text`;
  return row?.id;
}

/** An instance on which something runs for good: what is accepted for it waits. @returns its id */
export async function insertBusyInstance(app: TestApp, environment = "TEST"): Promise<string> {
  const id = await insertInstance(app, environment);
  // What concerns snapshots waits for nothing else.
  for (const type of ["REBOOT_INSTANCE", "DELETE_SNAPSHOT"]) await insertOperation(app, id, "RUNNING", type);
  return id;
}
