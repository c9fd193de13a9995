/** PostgreSQL lets nobody in, holds locks or undoes a transaction while clients write: nothing is lost, doubled or half done. */
import { setTimeout as delay } from "node:timers/promises";
import postgres from "postgres";
import { beforeAll, expect, test, vi } from "vitest";
import { isDeep } from "../support/deep.js";
import { PASSWORD, ROLE } from "../support/own-cluster.js";
import { ensureBuilt, PATIENCE_MS, signIn } from "../support/postern.js";
import { eventually, useSandbox } from "../support/sandbox.js";
import { endBackends, STATEMENT_TIMEOUT_MS, settled, underLoad } from "./load.js";
import { sendCall } from "./writers.js";

const sandbox = useSandbox();
vi.setConfig({ testTimeout: 4 * PATIENCE_MS, hookTimeout: 60_000 });
beforeAll(ensureBuilt);

test.runIf(isDeep)("connections are exhausted", () =>
  underLoad(
    sandbox,
    "exhausted",
    async (under) => {
      const { sql, connection, database } = under;
      // Postern opens none again until the others have them all.
      await sql.unsafe(`alter role ${ROLE} connection limit 0`);
      await sql.unsafe("create role hog login superuser");
      await endBackends(under);
      await under.failed(5, "UNAVAILABLE");
      const { username, password } = await under.cluster.superuser();
      const { path } = connection;
      const hogs = Array.from({ length: 24 }, () =>
        postgres({ path, username, password, database, max: 1, fetch_types: false, onnotice: () => undefined }),
      );
      const came = await Promise.allSettled(hogs.map((hog) => hog`select 1`));
      expect(came.some(({ status }) => status === "rejected")).toBe(true);
      await sql.unsafe(`alter role ${ROLE} connection limit -1`);
      await under.failed(5, "UNAVAILABLE");
      await Promise.all(hogs.map((hog) => hog.end({ timeout: 0 })));
    },
    { settings: { max_connections: 20 } },
  ),
);

test.runIf(isDeep)("logins are rejected: the password is another one for a while", () =>
  underLoad(sandbox, "rejected", async (under) => {
    const { sql, connection } = under;
    await sql.unsafe(`alter role ${ROLE} password 'another'`);
    await endBackends(under);
    await under.failed(10, "UNAVAILABLE");
    await sql.unsafe(`alter role ${ROLE} password '${connection.password}'`);
  }),
);

test.runIf(isDeep)("locks: who waits is stopped in time, and others are served", () =>
  underLoad(sandbox, "locked", async ({ sql, ledger }) => {
    await sql.begin(async (sql) => {
      await sql`lock table scans in access exclusive mode`;
      await ledger.more(6, ({ answer }) => answer.is === "failed" && answer.code === "TIMEOUT", PATIENCE_MS);
      await delay(STATEMENT_TIMEOUT_MS);
    });
  }),
);

test.runIf(isDeep)("a deadlock undoes the change, which says so, and nobody else's", () =>
  underLoad(sandbox, "deadlocked", async (under) => {
    const { sql, url, ledger } = under;
    const token = await signIn(url, "admin@demo.example", PASSWORD);
    const [one, other] =
      await sql`select id::text as id from scans where target_url not like 'https://deadlocked%' order by id limit 2`;
    for (let round = 0; round < 5; round++) {
      const requestId = `undone-${round}`;
      const outcome = await sql.begin(async (sql) => {
        // So that Postern is the one who is undone.
        await sql`set local deadlock_timeout = '1min'`;
        await sql`select from scans where id = ${other?.id} for update`;
        const query = `mutation { updateScans(input: { filter: { id: { in: ["${one?.id}", "${other?.id}"] } }, expectedCount: 2,
          changes: { scanType: "${requestId}" } }) { scans { id } } }`;
        const sent = sendCall(url, { query }, requestId, token);
        const waits = () => sql`
          select from pg_stat_activity where usename = ${ROLE} and wait_event_type = 'Lock'`;
        await eventually(async () => (await waits()).length > 0, PATIENCE_MS);
        await sql`select from scans where id = ${one?.id} for update`;
        return sent;
      });
      expect(outcome.answer).toEqual({ is: "failed", code: "UNAVAILABLE", outcome: undefined });
      await settled(under, url);
      expect(await sql`select success from audit_logs where request_id = ${requestId}`).toEqual([{ success: false }]);
      expect(await sql`select from scans where scan_type = ${requestId}`).toHaveLength(0);
    }
    await ledger.more(10, ({ answer }) => answer.is === "acknowledged", PATIENCE_MS);
  }),
);
