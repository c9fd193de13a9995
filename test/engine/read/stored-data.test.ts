/** Faults of what is stored: of one root field they leave the others answered, and they are nobody's input. */
import { beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { type Client, testApp } from "../../support/app.js";
import { insertInstance, insertOperation } from "../../support/fleet-port.js";

const app = testApp({ STATEMENT_TIMEOUT_MS: "2000" });
const FAULTY = "instances(first: 1) { nodes { members { name } } }";
/** Beside a field that is not planned the ordinary path answers. */
const WAYS = { fast: "", ordinary: "viewer { role }" };
let admin: Client;

beforeAll(async () => {
  admin = await app.as("admin");
  await insertInstance(app, "TEST");
  // Where a list must stand: PostgreSQL cannot take its elements (22023).
  await app.sql`update instances set members = '"hunter2Secret"'`;
});
beforeEach(() => {
  app.statements.length = 0;
  app.log.length = 0;
});

const reads = () => app.statements.filter((text) => text.startsWith("select a."));
const logged = () => app.log.filter(({ msg }) => msg === "internal error");

describe.each(Object.keys(WAYS) as (keyof typeof WAYS)[])("a planned query in the %s way", (way) => {
  it("fails at the field at fault alone: one statement for all, then one for each", async () => {
    const query = `{ ${WAYS[way]} before: scan(id: 1) { id } ${FAULTY} scans(first: 2, orderBy: [{ field: ID }]) { nodes { id } } }`;
    const { status, data, errors } = await admin.run(query);
    const { viewer: _, ...planned } = data;
    expect([status, planned]).toEqual([
      200,
      { before: { id: "1" }, instances: null, scans: { nodes: [{ id: "1" }, { id: "2" }] } },
    ]);
    expect(errors).toEqual([
      {
        message: "Internal error",
        locations: [{ line: 1, column: query.indexOf("instances") + 1 }],
        path: ["instances"],
        extensions: { code: "INTERNAL_SERVER_ERROR", requestId: expect.any(String) },
      },
    ]);
    expect(reads()).toHaveLength(4);
    expect(logged()).toHaveLength(1);
    expect(JSON.stringify(app.log)).not.toContain("hunter2Secret");
  });

  it("of one planned field is not run again", async () => {
    const { data, errors } = await admin.run(`{ ${WAYS[way]} ${FAULTY} }`);
    expect([data.instances, errors?.[0]?.extensions.code]).toEqual([null, "INTERNAL_SERVER_ERROR"]);
    expect(reads()).toHaveLength(1);
  });

  it("that takes too long is not run again", async () => {
    const { errors } = await app.sql.begin(async (sql) => {
      await sql`lock table scans in access exclusive mode`;
      return admin.run(`{ ${WAYS[way]} scans { totalCount } organizations { totalCount } }`);
    });
    expect(errors?.map(({ path, extensions: { code } }) => [path?.[0], code])).toEqual([
      ["scans", "TIMEOUT"],
      ["organizations", "TIMEOUT"],
    ]);
    expect(reads()).toHaveLength(1);
  });

  it("runs once more only within what is left of its time", async () => {
    const look = async (count: number) => {
      const [row] = await app.sql`
        select count(*)::int as n from pg_locks where relation = 'organizations'::regclass and not granted`;
      expect(row?.n).toBe(count);
    };
    const waiting = (count: number) => vi.waitFor(() => look(count), { timeout: 10_000 });
    let release = () => {};
    let begun = () => {};
    const locked = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const first = app.sql.begin(async (sql) => {
      await sql`lock table organizations in access exclusive mode`;
      begun();
      await new Promise<void>((resolve) => {
        release = resolve;
      });
    });
    await locked;
    const answer = admin.run(`{ ${WAYS[way]} organizations { totalCount } ${FAULTY} scan(id: 1) { id } }`);
    await waiting(1);
    // It stands behind the statement of all, and before that of one.
    const second = app.sql.begin(async (sql) => {
      await sql`lock table organizations in access exclusive mode`;
      return answer;
    });
    await waiting(2);
    const releasedMs = performance.now();
    release();
    await first;
    const { data, errors } = await second;
    // Each statement alone may take five seconds.
    expect(performance.now() - releasedMs).toBeLessThan(4000);
    expect(errors?.map(({ path, extensions: { code } }) => [path?.[0], code])).toEqual([
      ["organizations", "TIMEOUT"],
      ["instances", "TIMEOUT"],
      ["scan", "TIMEOUT"],
    ]);
    expect([data.organizations, data.instances, data.scan]).toEqual([null, null, null]);
  });
});

describe("a change", () => {
  it.each([
    [
      "a version that cannot grow",
      "update scans set version = 2147483647 where id = 1",
      `mutation { updateScan(input: { id: "1", version: 2147483647, scanType: "T" }) { scan { id } } }`,
    ],
    [
      "a count that cannot grow",
      "update scans set vulnerabilities_found = 2147483647 where id = 1",
      `mutation { createVulnerability(input: { scanId: "1", severity: LOW, vulnType: "X", title: "t" }) { vulnerability { id } } }`,
    ],
  ])("that meets %s is no fault of the caller, and changes nothing", async (name, prepare, mutation) => {
    await app.sql.unsafe(prepare);
    const state = () => app.sql`select s.*, (select count(*)::int from vulnerabilities) as n from scans s where id = 1`;
    const before = await state();
    const requestId = name.replaceAll(" ", "-");
    const { status, code, errors } = await admin.run(mutation, {}, { "x-request-id": requestId });
    expect([status, code, errors?.[0]?.message]).toEqual([500, "INTERNAL_SERVER_ERROR", "Internal error"]);
    expect(await state()).toEqual(before);
    expect(await app.sql`select success from audit_logs where request_id = ${requestId}`).toEqual([{ success: false }]);
  });

  it("whose answer cannot be read back stays done, and says so", async () => {
    const [instance] = await app.sql`select id::text from instances limit 1`;
    const id = await insertOperation(app, instance?.id);
    const { errors } = await (await app.as("dba")).run(
      `mutation { cancelOperation(input: { operationId: "${id}" }) { operation { instance { members { name } } } } }`,
    );
    expect(errors?.map(({ path }) => path)).toEqual([["cancelOperation", "operation"]]);
    const { code, outcome } = errors![0]!.extensions;
    expect([code, outcome, errors?.[0]?.message]).toEqual([
      "INTERNAL_SERVER_ERROR",
      "done",
      "It was done, but could not be read back. Do not send it again.",
    ]);
    expect(await app.sql`select status from operations where id = ${id}`).toEqual([{ status: "CANCELLED" }]);
  });
});
