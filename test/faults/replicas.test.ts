/** Two Posterns on one database: what is sent to both is done once, what one revokes the other refuses, and one may die at any moment. */
import { beforeAll, expect, test, vi } from "vitest";
import { isDeep } from "../support/deep.js";
import { PASSWORD, withOwnCluster } from "../support/own-cluster.js";
import { ask, ensureBuilt, PATIENCE_MS, signIn } from "../support/postern.js";
import { eventually, useSandbox } from "../support/sandbox.js";
import { settled } from "./load.js";
import { sendCall, startWriting } from "./writers.js";

const ROUNDS = 10;
const sandbox = useSandbox();
vi.setConfig({ testTimeout: PATIENCE_MS * (7 + ROUNDS), hookTimeout: 60_000 });
beforeAll(ensureBuilt);

const CREATE = "mutation($input: CreateScanInput!) { createScan(input: $input) { scan { id } } }";

test.runIf(isDeep)("writers at both, keys sent to both at once, and one that is killed", () =>
  withOwnCluster(sandbox, "replicas", async ({ sql, start }) => {
    const replicas = [start(), start()];
    const urls = (await Promise.all(replicas.map((replica) => replica.ready()))).map(({ url }) => url);
    let sent = 0;
    // In turn, so that each step of a writer, and whatever is sent again, goes to the other one.
    const writing = await startWriting({
      ...{
        url: () => urls[sent++ % urls.length],
        signInAt: urls[0] as string,
        mark: "replica",
        patienceMs: PATIENCE_MS,
      },
    });
    const { ledger } = writing;
    const token = await signIn(urls[1] as string, "analyst@demo.example", PASSWORD);
    for (let round = 0; round < ROUNDS; round++) {
      await writing.acknowledged(30);
      for (let n = 0; n < 10; n++) {
        const requestIds = [ledger.nextId(), ledger.nextId()];
        const subject = requestIds[0] as string;
        const input = { organizationId: "1", targetUrl: `https://${subject}.example/`, scanType: "FULL" };
        const body = { query: CREATE, variables: { input: { ...input, idempotencyKey: subject } } };
        const since = performance.now();
        const answers = await Promise.all(
          requestIds.map(async (requestId, index) => {
            const { answer, data } = await sendCall(urls[index] as string, body, requestId, token);
            ledger.note({ requestId, action: "create", subject, answer, tookMs: performance.now() - since });
            return data;
          }),
        );
        expect(answers[0]).toEqual(answers[1]);
      }
      const [hit, other] = [round % 2, 1 - (round % 2)];
      replicas[hit]?.kill("SIGKILL");
      expect(await replicas[hit]?.ended()).toBe("SIGKILL");
      const kept = urls[other] as string;
      urls.splice(0, urls.length, kept);
      await writing.acknowledged(20);
      const next = start();
      replicas[hit] = next;
      const { url } = await next.ready();
      urls.splice(0, urls.length, ...(hit === 0 ? [url, kept] : [kept, url]));
    }
    await writing.acknowledged(30);
    await writing.stop();
    for (const url of urls) await settled({ sql }, url);
    ledger.tell();
    expect(await ledger.disagreements(sql)).toEqual([]);

    // Who signs out at one is nobody at the other, soon.
    const document = "{ viewer { role } }";
    const [here, there] = urls as [string, string];
    expect(await ask(there, document, token)).toEqual({ viewer: { role: "ANALYST" } });
    await ask(here, "mutation { signOut { signedOut } }", token);
    const isRefused = () =>
      ask(there, document, token).then(
        () => false,
        (error: Error) => /revoked|Sign in|ended/i.test(error.message),
      );
    await eventually(isRefused, 2500);
    for (const replica of replicas) replica.kill("SIGTERM");
    expect(await Promise.all(replicas.map((replica) => replica.ended()))).toEqual([0, 0]);
  }),
);

test.runIf(isDeep)("both migrate an empty database at once, again and again", () =>
  withOwnCluster(sandbox, "migrating", async ({ sql, start, database }) => {
    for (let round = 0; round < 5; round++) {
      const replicas = [start(), start()];
      await Promise.all(replicas.map((replica) => replica.ready()));
      const [row] = await sql`select count(*)::int as users from users`;
      expect([database, row]).toEqual(["migrating", { users: 8 }]);
      for (const replica of replicas) replica.kill("SIGTERM");
      expect(await Promise.all(replicas.map((replica) => replica.ended()))).toEqual([0, 0]);
      for (const schema of ["public", "drizzle", "pgboss"]) await sql.unsafe(`drop schema ${schema} cascade`);
      await sql.unsafe("create schema public authorization postern");
    }
  }),
);

test.runIf(isDeep)("what runs by the clock runs at one of them, once", () =>
  withOwnCluster(sandbox, "by_the_clock", async ({ sql, start }) => {
    const replicas = [start(), start()];
    await Promise.all(replicas.map((replica) => replica.ready()));
    await sql`update pgboss.schedule set cron = '* * * * *' where name = 'retention'`;
    const ended = () => sql`
      select date_trunc('minute', created_on) as minute, count(*)::int as runs, bool_and(state = 'completed') as completed
      from pgboss.job where name = 'retention' group by 1 order by 1`;
    const isOver = async () => (await ended()).filter(({ completed }) => completed).length > 1;
    await eventually(isOver, 6 * PATIENCE_MS);
    for (const { runs } of await ended()) expect(runs).toBe(1);
    for (const replica of replicas) replica.kill("SIGTERM");
    expect(await Promise.all(replicas.map((replica) => replica.ended()))).toEqual([0, 0]);
  }),
);
