/** A PgBouncer between Postern and PostgreSQL pauses, ends its connections, or is started anew, while clients write. */
import { existsSync } from "node:fs";
import { rename, symlink } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import postgres from "postgres";
import { beforeAll, expect, test, vi } from "vitest";
import { isDeep } from "../support/deep.js";
import { withOwnCluster } from "../support/own-cluster.js";
import { startPgbouncer } from "../support/pgbouncer.js";
import { ensureBuilt, PATIENCE_MS } from "../support/postern.js";
import { useSandbox } from "../support/sandbox.js";
import { BOUND_MS, STATEMENT_TIMEOUT_MS, settled } from "./load.js";
import { startWriting } from "./writers.js";

const sandbox = useSandbox();
vi.setConfig({ testTimeout: 6 * PATIENCE_MS, hookTimeout: 60_000 });
beforeAll(ensureBuilt);

const program =
  process.env.POSTERN_TEST_POOLER ??
  [...(process.env.PATH ?? "").split(":"), "/usr/sbin"].map((folder) => join(folder, "pgbouncer")).find(existsSync);
if (isDeep && !program) {
  console.warn(
    "LEFT OUT: a pooler that fails, because no PgBouncer is installed. On Debian: apt-get install pgbouncer",
  );
}

test.runIf(isDeep && program)("PAUSE, KILL and a restart", () =>
  withOwnCluster(sandbox, "pooled", async ({ sql, database, connection, start }) => {
    const open = () => startPgbouncer(program as string, connection);
    let pooler = await open();
    // Postern finds whichever runs by this name.
    const place = join(sandbox.path, "pooler");
    await symlink(pooler.connection.host, place);
    const command = async (text: string) => {
      const admin = postgres({
        ...{ ...pooler.connection, database: "pgbouncer", max: 1 },
        ...{ fetch_types: false, prepare: false, onnotice: () => undefined },
      });
      await admin.unsafe(text).simple();
      await admin.end({ timeout: 0 });
    };
    const postern = start({
      ...{ PGHOST: place, PGPORT: String(pooler.connection.port) },
      STATEMENT_TIMEOUT_MS: String(STATEMENT_TIMEOUT_MS),
    });
    const { url } = await postern.ready();
    const writing = await startWriting({ url: () => url, signInAt: url, mark: "pooled", patienceMs: PATIENCE_MS });
    const { ledger } = writing;
    await writing.acknowledged(30);

    await command(`pause ${database}`);
    await delay(2 * STATEMENT_TIMEOUT_MS);
    await command(`resume ${database}`);
    await writing.acknowledged(30);

    await command(`kill ${database}`);
    await writing.failed(3, "UNAVAILABLE");
    await command(`resume ${database}`);
    await writing.acknowledged(30);

    await pooler.stop();
    await writing.failed(3, "UNAVAILABLE");
    pooler = await open();
    await symlink(pooler.connection.host, `${place}.next`);
    await rename(`${place}.next`, place);
    await writing.acknowledged(30);

    await writing.stop();
    ledger.tell();
    await settled({ sql }, url);
    expect.soft(await ledger.disagreements(sql)).toEqual([]);
    expect.soft(ledger.lost()).toEqual([]);
    expect.soft(ledger.late(BOUND_MS)).toEqual([]);
    postern.kill("SIGTERM");
    expect(await postern.ended()).toBe(0);
    await pooler.stop();
  }),
);
