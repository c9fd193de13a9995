/** Many rows created by one call: all of them or none, in their order, with one record that names them. */
import { expect, it } from "vitest";
import { type Answer, EMAILS, type Somebody, signIn, testApp } from "../../support/app.js";

const app = testApp();

const create = async (who: Somebody, names: string, selection: string, input: object): Promise<Answer> =>
  (await app.as(who)).run(
    `mutation($input: Create${names}Input!) { create${names}(input: $input) { ${selection} } }`,
    { input },
    { "x-request-id": `many.${++calls}` },
  );
let calls = 0;

const records = () => app.sql`
  select action, resource_id, result, success, duration_seconds >= 0 as timed, parameters
  from audit_logs where request_id = ${`many.${calls}`}`;
const count = async (table: string) =>
  (await app.sql.unsafe(`select count(*)::int as n from ${table}`))[0]?.n as number;

const scan = (n: number) => ({ organizationId: "1", targetUrl: `https://m${n}.example/`, scanType: "MANY" });
const user = (n: number) => ({ email: `Many${n}@demo.example`, password: "four-random-words", role: "DBA" });

it("creates rows in the order of the items, each with its own values and defaults", async () => {
  const items = [{ ...scan(1), status: "RUNNING", startedAt: "2026-03-01T10:00:00.123456Z" }, scan(2), scan(3)];
  const { data, errors } = await create("analyst", "Scans", "scans { id targetUrl status startedAt version }", {
    items,
  });
  expect(errors).toBeUndefined();
  const { scans } = data.createScans;
  expect(scans).toMatchObject([
    { targetUrl: "https://m1.example/", status: "RUNNING", startedAt: "2026-03-01T10:00:00.123456Z", version: 1 },
    { targetUrl: "https://m2.example/", status: "PENDING", version: 1 },
    { targetUrl: "https://m3.example/", status: "PENDING", version: 1 },
  ]);
  expect(scans[1].startedAt).toBe(scans[2].startedAt);
  const ids = scans.map(({ id }: { id: string }) => id);
  expect(
    await app.sql`select id::text, organization_id::int as o from scans where scan_type = 'MANY' order by id`,
  ).toEqual(ids.map((id: string) => ({ id, o: 1 })));
  expect(await records()).toEqual([
    {
      action: "scan.create-many",
      resource_id: null,
      result: { ids },
      success: true,
      timed: true,
      parameters: { items },
    },
  ]);
});

it("creates a thousand in one call, and says how many that were where it cannot keep them all", async () => {
  const before = await count("analytics_metrics");
  const items = Array.from({ length: 1000 }, (_, value) => ({ organizationId: "1", metricType: "many", value }));
  const { data, errors } = await create("analyst", "AnalyticsMetrics", "analyticsMetrics { value }", { items });
  expect(errors).toBeUndefined();
  expect(data.createAnalyticsMetrics.analyticsMetrics).toEqual(items.map(({ value }) => ({ value })));
  expect(await count("analytics_metrics")).toBe(before + 1000);
  const [record, ...others] = await records();
  expect(others).toEqual([]);
  expect(record?.result.ids).toHaveLength(1000);
  expect(record?.parameters).toEqual({ truncated: true, characters: expect.any(Number) });
});

it.each<[what: string, who: Somebody, names: string, items: object[], code: string, field: string, table: string]>([
  [
    "a value",
    "analyst",
    "Scans",
    [scan(1), { ...scan(2), targetUrl: "ftp://x/" }],
    "BAD_USER_INPUT",
    "items.1.targetUrl",
    "scans",
  ],
  [
    "a NUL",
    "analyst",
    "Scans",
    [scan(1), scan(2), { ...scan(3), scanType: "a\0" }],
    "BAD_USER_INPUT",
    "items.2.scanType",
    "scans",
  ],
  [
    "a lone surrogate",
    "analyst",
    "Scans",
    [scan(1), { ...scan(2), scanType: "\ud800" }],
    "BAD_USER_INPUT",
    "items.1.scanType",
    "scans",
  ],
  [
    "a reference to nothing",
    "admin",
    "Scans",
    [scan(1), scan(2), { ...scan(3), organizationId: "999" }, { ...scan(4), organizationId: "998" }],
    "NOT_FOUND",
    "items.2.organizationId",
    "scans",
  ],
  [
    "a reference beyond reach",
    "analyst",
    "Scans",
    [scan(1), { ...scan(2), organizationId: "2" }],
    "NOT_FOUND",
    "items.1.organizationId",
    "scans",
  ],
  [
    "a user beyond reach",
    "analyst",
    "ChatSessions",
    ["2", "3", "4", "9"].map((userId) => ({ userId, sessionId: "s", message: "m" })),
    "NOT_FOUND",
    "items.2.userId",
    "chat_sessions",
  ],
  [
    "no organization",
    "analyst",
    "PerformanceLogs",
    [{ organizationId: "1" }, {}].map((log) => ({ ...log, serviceName: "s", endpoint: "/", responseTimeMs: 1 })),
    "NOT_FOUND",
    "items.1.organizationId",
    "performance_logs",
  ],
  [
    "a duplicate of a row",
    "admin",
    "Organizations",
    [
      { name: "n", domain: "new.example" },
      { name: "n", domain: "DEMO.example" },
    ],
    "CONFLICT",
    "items.1.domain",
    "organizations",
  ],
  [
    "a duplicate of another item",
    "admin",
    "Organizations",
    ["a", "b", "B", "c"].map((name) => ({ name, domain: `${name}.twins.example` })),
    "CONFLICT",
    "items.2.domain",
    "organizations",
  ],
  [
    "a user that exists",
    "admin",
    "Users",
    [user(1), { ...user(2), email: EMAILS.admin }],
    "CONFLICT",
    "items.1.email",
    "users",
  ],
  [
    "a common password",
    "admin",
    "Users",
    [user(1), { ...user(2), password: "password1234" }],
    "BAD_USER_INPUT",
    "items.1.password",
    "users",
  ],
  [
    "a tenant without organization",
    "admin",
    "Users",
    [user(1), { ...user(2), role: "VIEWER" }],
    "BAD_USER_INPUT",
    "items.1.organizationId",
    "users",
  ],
  [
    "a user of no organization",
    "admin",
    "Users",
    [user(1), { ...user(2), organizationId: "999" }],
    "NOT_FOUND",
    "items.1.organizationId",
    "users",
  ],
])("%s in one item: the error names it, and nothing is created", async (_, who, names, items, code, field, table) => {
  const before = await count(table);
  const { errors, code: told } = await create(who, names, "__typename", { items });
  expect([told, errors?.[0]?.extensions.field]).toEqual([code, field]);
  expect(errors?.[0]?.message).not.toMatch(/demo|twins|999|998/i);
  expect(await count(table)).toBe(before);
  expect(await records()).toMatchObject([{ success: false, resource_id: null, result: { code, field } }]);
});

it.each<[string, Somebody, number, object]>([
  ["Scans", "analyst", 1000, scan(1)],
  ["Users", "admin", 100, user(1)],
])("%s: at least one, and not too many", async (names, who, most, item) => {
  const none = await create(who, names, "__typename", { items: [] });
  expect([none.code, none.status, none.errors?.[0]?.extensions.field]).toEqual(["BAD_USER_INPUT", 400, "items"]);
  const many = await create(who, names, "__typename", { items: Array(most + 1).fill(item) });
  expect([many.code, many.status, many.errors?.[0]?.extensions.limit]).toEqual(["LIMIT_EXCEEDED", 400, "items"]);
  expect(many.errors?.[0]?.message).toContain(`${most}`);
});

it("users come with hashed passwords, can sign in, and the record keeps no password", async () => {
  const { data, errors } = await create("admin", "Users", "users { email role }", { items: [user(7), user(8)] });
  expect(errors).toBeUndefined();
  expect(data.createUsers.users).toEqual([7, 8].map((n) => ({ email: `many${n}@demo.example`, role: "DBA" })));
  await signIn(app.anonymous, "many8@demo.example", "four-random-words");
  const stored = await app.sql`select distinct password_hash from users where email like 'many%'`;
  expect(stored).toHaveLength(2);
  for (const { password_hash } of stored) expect(password_hash).toMatch(/^\$argon2id\$/);
  const [record] = await records();
  expect(record?.parameters.items[0]).toEqual({ ...user(7), password: "[redacted]" });
});

it("what the payload would cost is refused before anything is created", async () => {
  const before = await count("scans");
  const { code, errors } = await create("analyst", "Scans", "scans { vulnerabilities(first: 100) { nodes { id } } }", {
    items: Array(1000).fill(scan(1)),
  });
  expect([code, errors?.[0]?.extensions.limit]).toEqual(["LIMIT_EXCEEDED", "cost"]);
  expect(await count("scans")).toBe(before);
});

it("parallel calls take nothing from each other", async () => {
  const answers = await Promise.all(
    Array.from({ length: 12 }, (_, n) =>
      app.as("analyst").then((client) =>
        client.run("mutation($input: CreateScansInput!) { createScans(input: $input) { scans { id targetUrl } } }", {
          input: { items: Array.from({ length: 20 }, (_, index) => scan(1000 + n * 20 + index)) },
        }),
      ),
    ),
  );
  for (const [n, { data, errors }] of answers.entries()) {
    expect(errors).toBeUndefined();
    expect(data.createScans.scans.map(({ targetUrl }: { targetUrl: string }) => targetUrl)).toEqual(
      Array.from({ length: 20 }, (_, index) => `https://m${1000 + n * 20 + index}.example/`),
    );
  }
  const ids = answers.flatMap(({ data }) => data.createScans.scans.map(({ id }: { id: string }) => id));
  expect(new Set(ids).size).toBe(240);
});
