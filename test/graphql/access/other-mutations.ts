/** Mutations that no type brings along: who may call each, and a good input. */
import { SPECIMENS } from "../../specimens/index.js";
import { next } from "../../specimens/specimen.js";
import { EMAILS, PASSWORD, signIn, type TestApp } from "../../support/app.js";
import {
  insertBusyInstance,
  insertInstance,
  insertOperation,
  insertProposal,
  insertSnapshot,
} from "../../support/fleet-port.js";
import { CALLERS, type Caller, lookingInto, OPERATORS, ROLES } from "./callers.js";

export interface Mutation {
  readonly callers: readonly Caller[];
  /** A good input, for rows that are there for it. */
  readonly input: (caller: Caller) => Promise<object>;
  readonly selection: string;
  /** What the audit log calls its records, where it is more than one. */
  readonly actions?: readonly string[];
  /** How many security events it leaves; none where nothing is said. */
  readonly events?: number;
  /** The code that somebody of another organization gets for the call of an analyst; absent where it would be about their own. */
  readonly elsewhere?: string;
  /** Its record names many rows, in its result. */
  readonly many?: boolean;
  /** It is about no row: its record names none, and here, where all is as it wants it, it changes none. */
  readonly isOfNoRow?: boolean;
}

export function otherMutations(app: TestApp): Record<string, Mutation> {
  const { idOf } = lookingInto(app);
  const ofSnapshot = async () => {
    const [instanceId, snapshotId] = [await insertBusyInstance(app), `kept-${next()}`];
    await insertSnapshot(app, instanceId, snapshotId);
    return { instanceId, snapshotId };
  };
  const ofUser = (isKeptOut: boolean): Mutation => ({
    callers: ["SECURITY", "ADMIN"],
    async input() {
      const id = await SPECIMENS.User.insert(app);
      if (isKeptOut) await app.sql`update users set locked_at = now(), deactivated_at = now() where id = ${id}`;
      return { id, reason: "It is one." };
    },
    selection: "user { id lockedAt deactivatedAt }",
  });
  /** Gives an account the password that all have at first. */
  const resetPassword = (id: string) => app.sql`
    update users set password_hash = (select password_hash from users where email = 'root@postern.example') where id = ${id}`;
  const credentials = async () => {
    await resetPassword(await idOf("VIEWER"));
    return { email: EMAILS.viewer, password: PASSWORD };
  };
  const refreshToken = async () => {
    const { email } = await credentials();
    return { refreshToken: (await signIn(app.anonymous, email)).refreshToken };
  };

  return {
    // Everybody changes their own profile, beside who may change all.
    updateUser: {
      callers: ROLES,
      async input(caller) {
        const id = await idOf(caller);
        const [row] = await app.sql`select version from users where id = ${id}`;
        return { id, version: row?.version, fullName: `N ${next()}` };
      },
      selection: "user { fullName }",
      elsewhere: "FORBIDDEN",
    },
    signIn: {
      callers: CALLERS,
      input: credentials,
      selection: "expiresAt",
    },
    refreshSession: { callers: CALLERS, input: refreshToken, selection: "expiresAt" },
    signOut: { callers: CALLERS, input: refreshToken, selection: "signedOut" },
    revokeSession: {
      callers: ROLES,
      async input(caller) {
        const [row] = await app.sql`
          insert into sessions (id, user_id, expires_at) values (gen_random_uuid(), ${await idOf(caller)}, now() + interval '7 days') returning key`;
        return { id: row?.key };
      },
      selection: "session { id }",
      events: 1,
      elsewhere: "NOT_FOUND",
    },
    revokeSessions: {
      callers: ROLES,
      // One for whoever asks: that of the token is none of them.
      async input(caller) {
        const id = await idOf(caller);
        await app.sql`delete from sessions where user_id = ${id}`;
        await app.sql`insert into sessions (id, user_id, expires_at) values (gen_random_uuid(), ${id}, now() + interval '7 days')`;
        return {};
      },
      selection: "revoked",
      events: 1,
    },
    rotateSecrets: { callers: ["ADMIN"], input: async () => ({}), selection: "resealed", isOfNoRow: true },
    setEnvironmentMapping: {
      callers: OPERATORS,
      input: async () => ({
        instanceId: await insertInstance(app, "PRODUCTION"),
        environment: "PRODUCTION",
        reason: "It is.",
      }),
      selection: "instance { id }",
    },
    setEnvironmentRules: {
      callers: ["ADMIN"],
      input: async () => ({ rules: { tagKeys: ["Environment"] }, reason: "It is one." }),
      selection: "changed changes { identifier from to }",
    },
    confirmEnvironmentProposal: {
      callers: ["ADMIN"],
      input: async () => ({ id: await insertProposal(app, await insertInstance(app, "TEST")) }),
      selection: "proposal { id status }",
    },
    discoverInstances: {
      callers: OPERATORS,
      async input() {
        // It would join the one that is under way, or has just ended.
        await app.sql`update discovery_runs set ended_at = now() - interval '1 minute'`;
        return {};
      },
      selection: "runs { id provider }",
    },
    createSnapshot: {
      callers: OPERATORS,
      input: async () => ({ instanceId: await insertBusyInstance(app), snapshotId: `by-hand-${next()}` }),
      selection: "operation { id status }",
    },
    deleteSnapshot: {
      callers: OPERATORS,
      input: () => ofSnapshot(),
      selection: "operation { id status }",
    },
    restoreSnapshot: {
      callers: OPERATORS,
      input: async () => ({ ...(await ofSnapshot()), identifier: `copy-${next()}` }),
      selection: "operation { id status }",
    },
    rebootInstance: {
      callers: OPERATORS,
      input: async () => ({ instanceId: await insertBusyInstance(app), forceFailover: true }),
      selection: "operation { id status }",
    },
    modifyBackupWindow: {
      callers: OPERATORS,
      input: async () => ({ instanceId: await insertBusyInstance(app), backupWindow: "01:00-01:30" }),
      selection: "operation { id status }",
    },
    stopInstance: {
      callers: OPERATORS,
      input: async () => ({ instanceId: await insertBusyInstance(app) }),
      selection: "operation { id status }",
    },
    startInstance: {
      callers: OPERATORS,
      async input() {
        const instanceId = await insertBusyInstance(app);
        await app.sql`update instances set status = 'stopped' where id = ${instanceId}`;
        return { instanceId };
      },
      selection: "operation { id status }",
    },
    retryOperation: {
      callers: OPERATORS,
      async input() {
        const operationId = await insertOperation(app, await insertBusyInstance(app));
        await app.sql`update operations set status = 'FAILED', input = '{}' where id = ${operationId}`;
        return { operationId };
      },
      selection: "operation { id status }",
    },
    changeParameterGroup: {
      callers: OPERATORS,
      input: async () => ({ instanceId: await insertBusyInstance(app), parameterGroup: "reports" }),
      selection: "operation { id status }",
    },
    modifyInstanceClass: {
      callers: OPERATORS,
      input: async () => ({ instanceId: await insertBusyInstance(app), instanceClass: "db.t4g.large" }),
      selection: "operation { id status }",
    },
    setInstanceTags: {
      callers: OPERATORS,
      input: async () => ({ instanceId: await insertBusyInstance(app), tags: [{ key: "Owner", value: "Shop" }] }),
      selection: "operation { id status }",
    },
    proposeInstanceTags: {
      callers: ["ADMIN"],
      input: async () => ({
        instanceId: await insertBusyInstance(app),
        tags: [{ key: "Stage", value: "Test" }],
        reason: "Known.",
      }),
      selection: "proposal { id status }",
    },
    cancelOperation: {
      callers: OPERATORS,
      input: async () => ({ operationId: await insertOperation(app, await insertBusyInstance(app)) }),
      selection: "operation { id status }",
      // Its own record, and that of the operation that thereby ends: the end is that of whoever asked for the operation.
      actions: ["operation.ended", "operation.cancel"],
    },
    ...Object.fromEntries(
      Object.entries({
        createSnapshots: {},
        rebootInstances: { forceFailover: false },
        modifyBackupWindows: { backupWindow: "01:00-01:30" },
        stopInstances: {},
        startInstances: {},
        modifyInstanceClasses: { instanceClass: "local.small" },
        setTagsOfInstances: { tags: [{ key: "Owner", value: "shop" }] },
        changeParameterGroups: { parameterGroup: "default" },
      }).map(([name, own]): [string, Mutation] => [
        name,
        {
          callers: OPERATORS,
          async input() {
            // Its part is refused, so that nothing goes on in the background.
            const id = await insertBusyInstance(app);
            await app.sql`update instances set status = 'deleting' where id = ${id}`;
            return { filter: { id: { eq: id } }, expectedCount: 1, ...own };
          },
          selection: "bulkOperation { id status }",
          actions: ["operation.refused", "bulk-operation.requested"],
        },
      ]),
    ),
    retryBulkOperation: {
      callers: OPERATORS,
      async input() {
        const partId = await SPECIMENS.BulkOperationPart.insert(app);
        const [row] = await app.sql`
          update operations set status = 'FAILED', ended_at = now() where id = (select operation_id from bulk_operation_parts where id = ${partId})
          returning (select bulk_operation_id::text from bulk_operation_parts where id = ${partId}) as id, instance_id`;
        await app.sql`update instances set status = 'deleting' where id = ${row?.instance_id}`;
        return { bulkOperationId: row?.id, expectedCount: 1 };
      },
      selection: "bulkOperation { id status }",
      actions: ["operation.refused", "bulk-operation.requested"],
    },
    cancelBulkOperation: {
      callers: OPERATORS,
      async input() {
        // Nobody requests its part, as its provider is not here.
        const instanceId = await insertBusyInstance(app);
        await app.sql`update instances set provider = 'elsewhere', provider_id = ${`e-${next()}`} where id = ${instanceId}`;
        const [row] = await app.sql`
          with bulk as (
            insert into bulk_operations (type, input, stop_at_first_failure, requested_by) values ('REBOOT_INSTANCE', '{}', false, '{}') returning id
          ) insert into bulk_operation_parts (bulk_operation_id, instance_id, status) select id, ${instanceId}, 'WAITING' from bulk
          returning bulk_operation_id::text as id`;
        return { bulkOperationId: row?.id };
      },
      selection: "bulkOperation { id status }",
    },
    changePassword: {
      callers: ROLES,
      async input(caller) {
        await resetPassword(await idOf(caller));
        return { currentPassword: PASSWORD, newPassword: "four-random-words" };
      },
      selection: "deviceToken user { id }",
    },
    lockUser: ofUser(false),
    unlockUser: ofUser(true),
    deactivateUser: ofUser(false),
    reactivateUser: ofUser(true),
    recordSecurityEvent: {
      callers: ["SECURITY", "ADMIN"],
      input: async () => ({ eventType: "n", eventStatus: "WARNING" }),
      selection: "securityEvent { id }",
      events: 1,
    },
  };
}

/** @returns the document of a mutation whose input is a variable */
export function documentOf(name: string, selection: string): string {
  const type = `${name.charAt(0).toUpperCase()}${name.slice(1)}Input${["discoverInstances", "signOut", "revokeSessions", "rotateSecrets"].includes(name) ? "" : "!"}`;
  return `mutation($input: ${type}) { ${name}(input: $input) { ${selection} } }`;
}
