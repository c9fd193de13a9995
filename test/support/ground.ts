/** Local providers for tests: folders of their own, unsynced clusters, a log that is kept, and nothing left running. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { pino } from "pino";
import postgres, { type Sql } from "postgres";
import { afterAll, beforeAll, inject } from "vitest";
import { chooseFolder } from "../../src/postgres/folder.js";
import { databaseUser } from "../../src/postgres/os-user.js";
import { createLocalProvider, type LocalProvider, type LocalProviderOptions } from "../../src/providers/local.js";
import type { Intent, OperationRequest, Poll, Provider } from "../../src/providers/provider.js";
import { eventually, processesIn, UNSYNCED } from "./sandbox.js";

export const clock = { offsetMs: 0, now: () => new Date(Date.now() + clock.offsetMs) };

type New = Parameters<LocalProvider["create"]>[0];
export const NEW = {
  tags: [{ key: "Environment", value: "Test" }],
  maintenanceWindow: "sun:05:00-sun:06:00",
  backupWindow: "02:00-02:30",
  backupRetentionDays: 7,
  standby: false,
} satisfies Partial<New>;

/** What is frozen stays so. */
export const IMPATIENT = { shutdownTimeoutMs: 300 };

/** A folder for the calling file, and providers in it; whatever still runs at the end is killed. */
export function useGround() {
  const lines: string[] = [];
  const ground = {
    /** Passable for the database's user. */
    path: "",
    /** What all providers logged. */
    lines,
    open: (options: Partial<LocalProviderOptions> = {}) => openProvider(ground.path, lines, options),
  };
  beforeAll(async () => {
    ground.path = await realpath(await mkdtemp(join(tmpdir(), "postern-test-")));
    await chmod(ground.path, 0o755);
  });
  afterAll(async () => {
    // The files of one worker share it.
    clock.offsetMs = 0;
    for (const pid of await processesIn(ground.path)) process.kill(pid, "SIGKILL");
    await eventually(async () => (await processesIn(ground.path)).length === 0);
    await rm(ground.path, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  });
  return ground;
}

async function openProvider(
  path: string,
  lines: string[],
  options: Partial<LocalProviderOptions>,
): Promise<LocalProvider> {
  const user = await databaseUser();
  const { path: folder } = await chooseFolder(path, "fleet", user);
  const log = pino({ level: "info" }, { write: (line) => void lines.push(line) });
  return createLocalProvider({
    folder,
    bin: inject("binaries"),
    user,
    log,
    clock,
    settings: UNSYNCED,
    ...options,
    limits: { ...IMPATIENT, ...options.limits },
  });
}

let lastId = 0;
export const newOperationId = () => `test-${process.pid}-${++lastId}`;

/** What a test asks: everything of a request but its id. */
export type Wanted = OperationRequest extends infer R
  ? R extends OperationRequest
    ? Omit<R, "operationId">
    : never
  : never;

export const snapshotOf = (providerId: string, snapshotId: string, automated = false): Wanted => {
  return { providerId, type: "CREATE_SNAPSHOT", snapshotId, tags: [{ key: "By", value: "test" }], automated };
};
export const rebootOf = (providerId: string, forceFailover = false, acceptSlotLoss?: boolean): Wanted => {
  return { providerId, type: "REBOOT_INSTANCE", forceFailover, acceptSlotLoss };
};

export const deletionOf = (providerId: string, snapshotId: string): Wanted => {
  return { providerId, type: "DELETE_SNAPSHOT", snapshotId };
};
export const restoreOf = (providerId: string, snapshotId: string, identifier: string): Wanted => {
  const { tags, backupWindow, maintenanceWindow, backupRetentionDays } = NEW;
  const facts = { tags, backupWindow, maintenanceWindow, backupRetentionDays };
  return { providerId, type: "RESTORE_SNAPSHOT", snapshotId, identifier, ...facts };
};

export const stopOf = (providerId: string): Wanted => ({ providerId, type: "STOP_INSTANCE" });
export const tagsOf = (providerId: string, tags: Record<string, string>, ...removeKeys: string[]): Wanted => {
  const pairs = Object.entries(tags).map(([key, value]) => ({ key, value }));
  return { providerId, type: "SET_INSTANCE_TAGS", tags: pairs, removeKeys };
};
export const startOf = (providerId: string): Wanted => ({ providerId, type: "START_INSTANCE" });

export const classOf = (providerId: string, instanceClass: string, applyImmediately = true): Wanted => {
  return { providerId, type: "MODIFY_INSTANCE_CLASS", instanceClass, applyImmediately };
};

export const groupOf = (providerId: string, parameterGroup: string): Wanted => {
  return { providerId, type: "CHANGE_PARAMETER_GROUP", parameterGroup };
};

/** An intent of a provider that saw nothing. */
export const INTENT: Intent = { askedAt: "2026-08-01T00:00:00Z", saw: {} };

/** Looks, as a worker does before it writes an intent and starts. */
export const intentOf = async (provider: Provider, request: OperationRequest): Promise<Intent> => ({
  askedAt: new Date().toISOString(),
  saw: await provider.look(request),
});

export type Ended = Extract<Poll, { state: "succeeded" | "failed" }>;

export const untilEnded = (provider: Provider, request: OperationRequest, intent = INTENT): Promise<Ended> =>
  eventually(async () => {
    const poll = await provider.poll(request, intent);
    return (poll.state === "succeeded" || poll.state === "failed") && poll;
  }, 40_000);

/** Runs an operation to its end. */
export async function operate(provider: Provider, wanted: Wanted): Promise<Ended> {
  const request = { ...wanted, operationId: newOperationId() } as OperationRequest;
  const intent = await intentOf(provider, request);
  await provider.start(request, intent);
  return untilEnded(provider, request, intent);
}

/** Runs `work` on a connection of the superuser, to the primary's database `postgres` unless something else is given. */
export async function query<T>(
  provider: LocalProvider,
  identifier: string,
  work: (sql: Sql) => Promise<T>,
  other: { readonly port?: number; readonly database?: string } = {},
): Promise<T> {
  const options = await provider.connectionOf(identifier);
  const sql = postgres({ ...options, ...other, max: 1, connect_timeout: 5, onnotice: () => {} });
  try {
    return await work(sql);
  } finally {
    await sql.end({ timeout: 0 });
  }
}

/** The instances of all scopes. */
export const listAll = async (provider: Provider) =>
  (await Promise.all(provider.scopes.map((scope) => provider.list(scope)))).flat();

export async function idOf(provider: Provider, identifier: string): Promise<string> {
  return (await listAll(provider)).find((instance) => instance.identifier === identifier)!.providerId;
}

/** Resolves when the standby streams, and the provider says that it is whole. */
export async function untilStreaming(provider: LocalProvider, identifier: string): Promise<void> {
  const id = await idOf(provider, identifier);
  await eventually(
    async () => {
      const { members } = (await provider.describe(id))!;
      if (members.some(({ endpoint }) => endpoint === null)) return false;
      const rows = await query(provider, identifier, (sql) => sql`select state from pg_stat_replication`).catch(
        () => [],
      );
      return rows.length === 1 && rows[0]?.state === "streaming";
      // Each look opens connections to both servers.
    },
    60_000,
    150,
  );
}

/** The ports of the members that take writes now, whatever the provider believes. */
export async function writablePorts(provider: LocalProvider, identifier: string): Promise<number[]> {
  const { members } = (await provider.describe(await idOf(provider, identifier)))!;
  const ports = members.flatMap(({ endpoint }) => (endpoint ? [endpoint.port] : []));
  const looks = ports.map(async (port) => {
    const rows = await query(provider, identifier, (sql) => sql`select pg_is_in_recovery() as no`, { port }).catch(
      () => [],
    );
    return rows[0]?.no === false ? [port] : [];
  });
  return (await Promise.all(looks)).flat();
}

const bundles = new Map<string, Promise<string>>();

/** Makes one file of a program, which starts in a tenth of the time that its many sources take. @returns its path */
function bundled(program: string): Promise<string> {
  const bundle = async () => {
    const outfile = join(await mkdtemp(join(tmpdir(), "program-")), "program.mjs");
    const banner = {
      js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);',
    };
    await build({ entryPoints: [program], outfile, bundle: true, platform: "node", format: "esm", banner });
    return outfile;
  };
  const known = bundles.get(program) ?? bundle();
  bundles.set(program, known);
  return known;
}

/** Runs a program in a process group of its own, with the run's binaries of PostgreSQL as `BINARIES`. @returns the signal that killed it, or its exit code */
export async function runProgram(program: URL, args: readonly string[]): Promise<string> {
  const child = spawn(process.execPath, [await bundled(fileURLToPath(program)), ...args], {
    detached: true,
    stdio: "ignore",
    env: { ...process.env, BINARIES: inject("binaries") },
  });
  const [code, signal] = await once(child, "exit");
  return signal ?? String(code);
}
