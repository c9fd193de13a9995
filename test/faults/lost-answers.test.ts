/** The database does what it is told, and its answer is lost: the caller learns that nobody knows, and the ledger agrees. */
import { beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { cases, isDeep } from "../support/deep.js";
import { emptyDatabase } from "../support/empty-database.js";
import { PASSWORD } from "../support/own-cluster.js";
import { ensureBuilt, PATIENCE_MS, startPostern } from "../support/postern.js";
import { openProxy } from "../support/proxy.js";
import { useSandbox } from "../support/sandbox.js";
import { BOUND_MS, STATEMENT_TIMEOUT_MS, settled } from "./load.js";
import { startWriting } from "./writers.js";

const sandbox = useSandbox();
vi.setConfig({ testTimeout: 4 * PATIENCE_MS, hookTimeout: 60_000 });
beforeAll(ensureBuilt);

/** How a server says that it is ready, and in no transaction: what it did before is done. */
const READY = Buffer.from([0x5a, 0, 0, 0, 5, 0x49]);
/** One answer in so many is lost. */
const ONE_IN = 12;

test.runIf(isDeep)("done, and the connection breaks before anybody is told", async () => {
  const { sql, environment } = await emptyDatabase();
  let isLosing = false;
  let answers = 0;
  const proxy = await openProxy(undefined, false, (data) => {
    if (!isLosing || !data.includes(READY)) return data;
    answers += 1;
    return answers % ONE_IN === 0 ? null : data;
  });
  onTestFinished(() => proxy.close());
  const { host, port } = proxy.connection;
  const postern = startPostern(sandbox.path, {
    ...environment,
    ...{ PGHOST: host, PGPORT: String(port), DEMO: "true", DEMO_PASSWORD: PASSWORD },
    STATEMENT_TIMEOUT_MS: String(STATEMENT_TIMEOUT_MS),
  });
  const { url } = await postern.ready();
  const writing = await startWriting({ url: () => url, signInAt: url, mark: "unheard", patienceMs: PATIENCE_MS });
  const { ledger } = writing;
  isLosing = true;
  const isUnknown = ({ answer }: (typeof ledger.calls)[number]) =>
    answer.is === "failed" && answer.outcome === "unknown";
  await ledger.more(cases(5, 200), isUnknown, 2 * PATIENCE_MS);
  isLosing = false;
  await writing.acknowledged(10);
  await writing.stop();
  await settled({ sql }, url);
  ledger.tell();
  expect(await ledger.disagreements(sql)).toEqual([]);
  expect(ledger.lost()).toEqual([]);
  expect(ledger.late(BOUND_MS)).toEqual([]);
  const unknown = ledger.calls.filter(isUnknown).map(({ requestId }) => requestId);
  const [row] = await sql`
    select count(*)::int as done from audit_logs where success and request_id in ${sql(unknown)}`;
  expect(row?.done, "calls that were done all the same").toBeGreaterThan(0);
  postern.kill("SIGTERM");
  expect(await postern.ended()).toBe(0);
});
