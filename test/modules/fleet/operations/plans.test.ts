/** What is asked of the operations every few seconds costs the same however many have ended. */
import { randomUUID } from "node:crypto";
import { sql } from "drizzle-orm";
import { beforeAll, expect, inject, it } from "vitest";
import { createClient } from "../../../../src/db/client.js";
import { listOperatedInstances } from "../../../../src/modules/fleet/discovery/discovery.store.js";
import { findNextBulkPart } from "../../../../src/modules/fleet/operations/bulk-dispatch.store.js";
import {
  endBulkOperations,
  skipStoppedBulkParts,
} from "../../../../src/modules/fleet/operations/bulk-operations.store.js";
import {
  hasAutomaticFailoverUnderWay,
  hasQueuedReboot,
  listRunningBeforeFailover,
} from "../../../../src/modules/fleet/operations/failover.store.js";
import { isSnapshotIdentifierTaken } from "../../../../src/modules/fleet/operations/identifiers.store.js";
import * as claims from "../../../../src/modules/fleet/operations/operation-claims.store.js";
import * as metrics from "../../../../src/modules/fleet/operations/operation-metrics.store.js";
import * as store from "../../../../src/modules/fleet/operations/operations.store.js";
import { listOpenOperations } from "../../../../src/modules/fleet/operations/operations-under-way.store.js";
import * as planning from "../../../../src/modules/fleet/operations/planning.store.js";
import * as scheduled from "../../../../src/modules/fleet/operations/scheduled-operations.store.js";
import { testApp } from "../../../support/app.js";
import { cases } from "../../../support/deep.js";
import { insertInstance, insertOperation, silentProvider } from "../../../support/fleet-port.js";

/** All but a few have ended, and most on one instance. */
const HISTORY = cases(20_000, 200_000);

const app = testApp({}, async () => [silentProvider()]);
let id: bigint;
beforeAll(async () => {
  id = BigInt(await insertInstance(app, "TEST"));
  await app.sql`
    insert into operations (type, instance_id, cluster_arn, parameters, status, requested_by, requested_at, ended_at, settled_at)
    select (array['CREATE_SNAPSHOT', 'REBOOT_INSTANCE', 'MODIFY_BACKUP_WINDOW'])[1 + n % 3]::operation_type, ${String(id)}, (array['arn:shop'])[1 + n / 7 % 2],
      jsonb_build_object('snapshotId', 's-' || n), (array['SUCCEEDED', 'FAILED', 'TIMED_OUT'])[1 + n % 3]::operation_status, '{}', at, at,
      case when n % 3 = 2 then at end
    from generate_series(1, ${HISTORY}::int) n, lateral (select now() - make_interval(mins => 20 + n)) ended (at)`;
  await insertOperation(app, String(id));
  await app.sql`
    insert into audit_logs (actor, action, resource_type, resource_id, timestamp)
    select '{}', (array['operation.requested', 'scan.create'])[1 + n % 2], (array['operation', 'scan'])[1 + n % 2], n::text, now() - make_interval(mins => n)
    from generate_series(1, ${HISTORY}::int) n`;
  // As many accounts as instances, and as many snapshots of one of them as of all others.
  await app.sql`
    insert into instances (provider, provider_id, identifier, account_id, region, engine, engine_version, multi_az, status, members, tags, environment, classification)
    select provider, 'many-' || n, 'many-' || n, 'account-' || n, region, engine, engine_version, multi_az, status, members, tags, environment, classification
    from instances, generate_series(1, ${HISTORY / 10}::int) n where id = ${String(id)}`;
  await app.sql`
    insert into snapshots (instance_id, identifier, arn, uid, status, tags, automated, created_at)
    select i.id, 's-' || n, i.id || ':snapshot:s-' || n, 'u', 'available', '[]', n % 10 > 0, now()
    from instances i, generate_series(1, 10) n`;
  // All bulk operations but one have ended.
  await app.sql`
    insert into bulk_operations (type, input, stop_at_first_failure, status, requested_by)
    select 'REBOOT_INSTANCE', '{}', true, (case when n = 1 then 'RUNNING' else 'ENDED' end)::bulk_operation_status, '{}'
    from generate_series(1, ${HISTORY / 10}::int) n`;
  await app.sql`
    insert into bulk_operation_parts (bulk_operation_id, instance_id, status)
    select b.id, i.id, (case when b.status = 'RUNNING' then 'WAITING' else 'SKIPPED' end)::bulk_part_status
    from bulk_operations b, (select id from instances order by id limit 10) i`;
  await app.sql`analyze operations, audit_logs, instances, snapshots, bulk_operations, bulk_operation_parts`;
});

/** @returns how the statements of `ask` read the tables: the indexes, each once, and which tables they read whole */
async function readBy(
  ask: (db: ReturnType<typeof createClient>["db"]) => Promise<unknown>,
  tables = "operations|audit_logs",
): Promise<string[]> {
  const texts: string[] = [];
  const [{ name }] = (await app.sql`select current_database() as name`) as unknown as [{ name: string }];
  const client = createClient({
    connection: { ...inject("connection"), database: name },
    poolSize: 1,
    onStatement: (text) => void texts.push(text),
  });
  await client.db.transaction((db) => ask(db)).finally(() => client.close());
  const asked = texts.filter((text) => new RegExp(tables).test(text));
  const plans = await app.sql.begin(async (sql) => {
    // Whatever the values are: a plan of them may be kept.
    await sql`set local plan_cache_mode = force_generic_plan`;
    const lines: string[] = [];
    for (const text of asked) {
      await sql.unsafe(`prepare asked as ${text}`);
      const count = Math.max(0, ...Array.from(text.matchAll(/\$(\d+)/g), ([, n]) => Number(n)));
      const nulls = count > 0 ? `(${Array(count).fill("null").join()})` : "";
      const rows = await sql.unsafe(`explain execute asked ${nulls}`);
      lines.push(...rows.map((row) => String(row["QUERY PLAN"])));
      await sql`deallocate asked`;
    }
    return lines;
  });
  const scan = new RegExp(`(Seq Scan on (?:${tables})|(?<=using |Bitmap Index Scan on )(?:${tables})_\\w+)`);
  const scans = plans.flatMap((line) => scan.exec(line)?.[1] ?? []);
  return [...new Set(scans)].sort();
}

const worker = randomUUID();
const nextOfMany: Parameters<typeof readBy>[0] = (db) =>
  findNextBulkPart(db, { account: 1, host: 1, fleet: 1 }, ["port"], 1000);
it.each<[string, Parameters<typeof readBy>[0]]>([
  ["what waits", (db) => store.listWaitingInstances(db)],
  ["how many wait", (db) => store.countWaitingOperations(db, id)],
  ["what is due", (db) => scheduled.queueScheduledOperations(db, 15)],
  ["what is too late", (db) => scheduled.listLateScheduledOperations(db, 15)],
  ["whether one may begin", (db) => scheduled.findScheduledFacts(db, { id: 1n, userId: "1" }, 15)],
  ["what is next", (db) => claims.claimNextOperation(db, id, "servers", "automatic", worker, 1000)],
  ["what is next on snapshots", (db) => claims.claimNextOperation(db, id, "snapshots", "reboots", worker, 1000)],
  ["what a dead worker has left", (db) => claims.claimAbandonedOperation(db, id, "servers", worker, 1000)],
  ["what has timed out", (db) => store.listUnreconciledOperations(db, "port")],
  [
    "whether a name is taken",
    (db) => isSnapshotIdentifierTaken(db, "a", { provider: "port", accountId: null, region: null }),
  ],
  ["what is operated", (db) => listOperatedInstances(db, "port")],
  ["what is next of many", nextOfMany],
  ["which of many have ended", (db) => endBulkOperations(db)],
  ["what runs", (db) => listRunningBeforeFailover(db, id)],
  ["whether a reboot waits", (db) => hasQueuedReboot(db, id)],
  ["whether a failover is under way", (db) => hasAutomaticFailoverUnderWay(db, id)],
])("%s", async (_, ask) => {
  const read = await readBy(ask);
  expect(read.length).toBeGreaterThan(0);
  // An index of everything that has ended grows with it.
  for (const scan of read)
    expect([
      ...[
        "operations_open_idx",
        "operations_open_of_cluster_idx",
        "operations_one_running_key",
        "operations_one_of_cluster_key",
      ],
      ...[
        "operations_ended_at_idx",
        "operations_settled_at_idx",
        "operations_run_at_idx",
        "operations_snapshot_identifier_idx",
        "operations_pkey",
        // Those of one bulk operation.
        ...["operations_open_of_bulk_idx", "operations_bulk_operation_idx"],
      ],
    ]).toContain(scan);
});

it("what is followed first lies in the indexes of what has not come to its end", async () => {
  expect(await readBy(listOpenOperations)).toEqual([
    expect.stringMatching(/^operations_open_/),
    "operations_run_at_idx",
  ]);
});

it("figures of a range read what was requested and refused in it, and the records of each operation by its id", async () => {
  const range = { from: "2026-01-01T00:00:00Z", to: "2026-01-02T00:00:00Z", by: "DAY" };
  const source = { from: sql`operations as o`, name: sql`o` };
  expect(await readBy((db) => metrics.listOperationFigures(db, range, { source, condition: undefined }))).toEqual([
    ...["audit_logs_resource_idx", "operations_requested_at_idx"],
  ]);
  expect(await readBy((db) => metrics.listRefusedOperations(db, range))).toEqual(["audit_logs_refused_operations_idx"]);
});

it("bulk operations are looked at by the indexes of what has not ended, and of one of them", async () => {
  const ask: Parameters<typeof readBy>[0] = async (db) => {
    await nextOfMany(db);
    await skipStoppedBulkParts(db, { code: "x", message: "x" });
    await endBulkOperations(db);
  };
  const read = await readBy(ask, "bulk_operations|bulk_operation_parts");
  expect(read).toEqual(expect.arrayContaining(["bulk_operation_parts_waiting_idx", "bulk_operations_running_idx"]));
  for (const scan of read)
    expect([
      ...["bulk_operations_running_idx", "bulk_operations_pkey", "bulk_operation_parts_pkey"],
      ...["bulk_operation_parts_waiting_idx", "bulk_operation_parts_bulk_operation_idx"],
      "bulk_operation_parts_instance_key",
    ]).toContain(scan);
});

const ACCOUNT = { provider: "port", accountId: "111122223333", region: "eu-central-1" };
const EVERYTHING = "operations|instances|snapshots";
it.each<[string, Parameters<typeof readBy>[0], readonly string[]]>([
  [
    "what else runs then",
    (db) => planning.listNeighbouringOperations(db, ACCOUNT, new Date()),
    [expect.stringMatching(/^instances_/), expect.stringMatching(/^operations_open_/), "operations_run_at_idx"],
  ],
  ["how long it took before", (db) => planning.findLastRuns(db, id, "REBOOT_INSTANCE"), ["operations_durations_idx"]],
  [
    "how many snapshots there are",
    (db) => planning.countManualSnapshots(db, ACCOUNT, false),
    ["instances_account_id_idx", "snapshots_manual_idx"],
  ],
])("a plan reads by indexes of what counts: %s", async (_, ask, indexes) => {
  expect(await readBy(ask, EVERYTHING)).toEqual(indexes);
});
