/** A fleet on this host behind the API, for tests of its operations: with a standby, without, of production, and on a full disk. */
import { join } from "node:path";
import { afterAll, beforeAll, expect } from "vitest";
import { chooseFolder } from "../../src/postgres/folder.js";
import { databaseUser } from "../../src/postgres/os-user.js";
import { findPostmaster } from "../../src/postgres/postmaster.js";
import type { LocalProvider } from "../../src/providers/local.js";
import { type Client, testApp } from "./app.js";
import { idOf, NEW, query, useGround } from "./ground.js";
import { processesIn } from "./sandbox.js";
import { polling } from "./scripted-provider.js";

export const [DEV, TEST, PROD, FULL] = [
  "dev-postgres-01",
  "test-postgres-01",
  "prod-postgres-01",
  "dev-full-01",
] as const;
/** So many notes there are in DEV, and none in TEST. */
export const ROWS = 5000;

interface LocalFleet {
  readonly provider: LocalProvider;
  /** On a disk that is full. */
  readonly full: LocalProvider;
  readonly dba: Client;
}

/** Starts the fleet for the calling file, and an app over it. */
export function useLocalFleet() {
  const ground = useGround();
  let provider: LocalProvider;
  let full: LocalProvider;
  let dba: Client;

  afterAll(async () => {
    await Promise.all([provider, full].map((one) => one?.stopAll()));
    expect(await processesIn(ground.path), "processes left behind").toEqual([]);
  });

  const app = testApp(polling({ local: 600, "local-full": 600 }), async () => {
    provider = await ground.open({ limits: { answerTimeoutMs: 1_000 } });
    const folder = (await chooseFolder(ground.path, "full", await databaseUser())).path;
    full = await ground.open({ folder, limits: { minFreeBytes: Number.MAX_SAFE_INTEGER } });
    const wanted = (identifier: string, environment: string, standby = false) => ({
      ...NEW,
      identifier,
      tags: [{ key: "Environment", value: environment }],
      // None are taken by themselves.
      backupRetentionDays: 0,
      standby,
    });
    await Promise.all([
      provider.create(wanted(TEST, "Test", true)),
      provider.create(wanted(DEV, "Development")),
      provider.create(wanted(PROD, "Production")),
      full.create(wanted(FULL, "Development")),
    ]);
    await query(provider, DEV, (sql) => sql`create table notes as select n from generate_series(1, ${ROWS}::int) as n`);
    await query(provider, TEST, (sql) => sql`create table notes (n int)`);
    // Broken ones stay broken until a test repairs them.
    const upkeep = async () => undefined;
    return [
      { ...provider, upkeep },
      { ...full, upkeep, name: "local-full" },
    ];
  });

  beforeAll(async () => {
    dba = await app.as("dba");
  });

  const count = async (identifier: string): Promise<number> =>
    (await query(provider, identifier, (sql) => sql`select count(*)::int as n from notes`))[0]?.n;
  const startedAt = async (identifier: string, from?: LocalProvider): Promise<string> =>
    (await query(from ?? provider, identifier, (sql) => sql`select pg_postmaster_start_time()::text as at`))[0]?.at;
  const postmasterOf = async (identifier: string, member: string): Promise<number> => {
    const data = join(ground.path, "fleet/instances", await idOf(provider, identifier), "members", member, "data");
    return (await findPostmaster(data))!.pid;
  };
  const isReady = async () => (await fetch(`${app.url}/health/ready`)).status === 200;

  return {
    ground,
    app,
    /** @returns what the hooks have opened */
    opened: (): LocalFleet => ({ provider, full, dba }),
    count,
    startedAt,
    postmasterOf,
    isReady,
  };
}
