/** Idempotency keys: however often and from wherever a call is sent, it is done once and answered alike. */
import { hash } from "node:crypto";
import type { GraphQLInputObjectType } from "graphql";
import { expect, inject, it } from "vitest";
import { createClient } from "../../../src/db/client.js";
import { purgeExpired } from "../../../src/modules/evidence/retention/retention.service.js";
import { type Client, signIn, testApp } from "../../support/app.js";

const app = testApp();

const CREATE = "mutation($input: CreateScanInput!) { createScan(input: $input) { scan { id targetUrl version } } }";
const CREATE_MANY = "mutation($input: CreateScansInput!) { createScans(input: $input) { scans { id targetUrl } } }";
const scan = (name: string) => ({ organizationId: "1", targetUrl: `https://${name}.example/`, scanType: "ONCE" });
const rows = (name: string) =>
  app.sql`select id::text, version from scans where target_url = ${`https://${name}.example/`}`;
const keys = (key: string) => app.sql`select action, ids from idempotency_keys where key = ${key}`;
const records = (key: string) => app.sql`
  select action, resource_id, success, result from audit_logs where parameters->>'idempotencyKey' = ${key} order by id`;

it("the second call answers the first one's row as it is now, and leaves its own record", async () => {
  const analyst = await app.as("analyst");
  const input = { ...scan("retry"), idempotencyKey: "retry" };
  const first = await analyst.run(CREATE, { input });
  const { id } = first.data.createScan.scan;
  await app.sql`update scans set version = 5 where id = ${id}`;
  const second = await analyst.run(CREATE, { input });
  expect(second.data.createScan.scan).toEqual({ id, targetUrl: "https://retry.example/", version: 5 });
  expect(await rows("retry")).toEqual([{ id, version: 5 }]);
  expect(await keys("retry")).toEqual([{ action: "scan.create", ids: [id] }]);
  expect(await records("retry")).toEqual([
    { action: "scan.create", resource_id: id, success: true, result: null },
    { action: "scan.create", resource_id: id, success: true, result: { replayed: true, ids: [id] } },
  ]);
});

it("holds for many, and for the vulnerabilities of a scan", async () => {
  const analyst = await app.as("analyst");
  const input = { items: [scan("m1"), scan("m2")], idempotencyKey: "many" };
  const [first, second] = [await analyst.run(CREATE_MANY, { input }), await analyst.run(CREATE_MANY, { input })];
  expect(first.errors).toBeUndefined();
  expect(second.data).toEqual(first.data);
  expect(await rows("m1")).toHaveLength(1);

  const document = `mutation($input: CreateVulnerabilitiesInput!) {
    createVulnerabilities(input: $input) { scan { id vulnerabilitiesFound } vulnerabilities { id title } } }`;
  const scanId = first.data.createScans.scans[0].id;
  const items = ["a", "b"].map((title) => ({ severity: "LOW", vulnType: "X", title }));
  const found = { input: { scanId, items, idempotencyKey: "found" } };
  const [one, two] = [await analyst.run(document, found), await analyst.run(document, found)];
  expect(one.data.createVulnerabilities.scan).toEqual({ id: scanId, vulnerabilitiesFound: 2 });
  expect(two.data).toEqual(one.data);
  const ids = one.data.createVulnerabilities.vulnerabilities.map(({ id }: { id: string }) => id);
  expect(await records("found")).toMatchObject([
    { action: "vulnerability.create-many", resource_id: scanId, result: { ids } },
    { action: "vulnerability.create-many", resource_id: scanId, result: { replayed: true, ids } },
  ]);
});

it("fifty calls at once, through two replicas, make one row and fifty equal answers", async () => {
  const analyst = await app.as("analyst");
  const replica = await app.replica();
  const there = replica.as(analyst.token);
  for (const [key, document, input] of [
    ["storm", CREATE, scan("storm")],
    ["storms", CREATE_MANY, { items: [scan("storms"), scan("storms")] }],
  ] as const) {
    const send = (client: Client) => client.run(document, { input: { ...input, idempotencyKey: key } });
    const answers = await Promise.all(Array.from({ length: 50 }, (_, n) => send(n % 2 ? there : analyst)));
    const [first] = answers;
    expect(first?.errors).toBeUndefined();
    for (const { data, errors, status } of answers) {
      expect({ data, errors, status }).toEqual({ data: first?.data, errors: undefined, status: 200 });
    }
    expect(await rows(key)).toHaveLength(key === "storm" ? 1 : 2);
    const made = await records(key);
    expect(made).toHaveLength(50);
    expect(made.filter(({ result }) => result?.replayed)).toHaveLength(49);
  }
  await replica.stop();
});

it("a key that meant something else is a CONFLICT that names it, and nothing changes", async () => {
  const analyst = await app.as("analyst");
  await analyst.run(CREATE, { input: { ...scan("first"), idempotencyKey: "reused" } });
  for (const [document, input] of [
    [CREATE, scan("second")],
    [CREATE, { ...scan("first"), status: "RUNNING" }],
    [CREATE_MANY, { items: [scan("first")] }],
  ] as const) {
    const { code, status, errors } = await analyst.run(document, { input: { ...input, idempotencyKey: "reused" } });
    expect([code, status, errors?.[0]?.extensions.field]).toEqual(["CONFLICT", 409, "idempotencyKey"]);
  }
  expect([...(await rows("first")), ...(await rows("second"))]).toHaveLength(1);
  expect((await records("reused")).map(({ success }) => success)).toEqual([true, false, false, false]);
});

it("belongs to whoever chose it: others may use the same", async () => {
  const input = { ...scan("theirs"), idempotencyKey: "shared" };
  const mine = await (await app.as("analyst")).run(CREATE, { input });
  const admins = await (await app.as("admin")).run(CREATE, { input });
  const theirs = await (await app.as("otherAnalyst")).run(CREATE, { input: { ...input, organizationId: "2" } });
  const ids = [mine, admins, theirs].map(({ data }) => data.createScan.scan.id);
  expect(new Set(ids).size).toBe(3);
  const again = await (await app.as("admin")).run(CREATE, { input });
  expect(again.data.createScan.scan.id).toBe(ids[1]);
});

it("a call that failed leaves no key: what is sent again is done", async () => {
  const admin = await app.as("admin");
  const document =
    "mutation($input: CreateOrganizationInput!) { createOrganization(input: $input) { organization { id } } }";
  const organization = { name: "n", domain: "busy.example", idempotencyKey: "failed" };
  await app.sql`insert into organizations (name, domain) values ('n', 'busy.example')`;
  expect((await admin.run(document, { input: organization })).code).toBe("CONFLICT");
  const beyond = { ...scan("failed"), organizationId: "999", idempotencyKey: "beyond" };
  expect((await admin.run(CREATE, { input: beyond })).code).toBe("NOT_FOUND");
  expect((await (await app.as("analyst")).run(CREATE, { input: beyond })).code).toBe("NOT_FOUND");
  expect([...(await keys("failed")), ...(await keys("beyond"))]).toEqual([]);
  await app.sql`delete from organizations where domain = 'busy.example'`;
  expect((await admin.run(document, { input: organization })).errors).toBeUndefined();
});

it("what was made and then deleted is NOT_FOUND, not made anew", async () => {
  const analyst = await app.as("analyst");
  const input = { ...scan("gone"), idempotencyKey: "gone" };
  const { data } = await analyst.run(CREATE, { input });
  await app.sql`delete from scans where id = ${data.createScan.scan.id}`;
  const { code, status, errors } = await analyst.run(CREATE, { input });
  expect([code, status]).toEqual(["NOT_FOUND", 404]);
  expect(errors?.[0]?.message).toContain("deleted");
  expect(await rows("gone")).toEqual([]);
});

it("compares secrets too, and keeps none, nor a hash that could be tried out", async () => {
  const admin = await app.as("admin");
  const create = "mutation($input: CreateUserInput!) { createUser(input: $input) { user { id } } }";
  const createMany = "mutation($input: CreateUsersInput!) { createUsers(input: $input) { users { id } } }";
  const user = (name: string, password: string) => ({ email: `${name}@demo.example`, role: "DBA", password });
  for (const [document, name, inputOf] of [
    [create, "once", (password: string) => user("once", password)],
    [
      createMany,
      "among",
      (password: string) => ({ items: [user("two", "four-random-words"), user("among", password)] }),
    ],
  ] as const) {
    const send = (password: string) => admin.run(document, { input: { ...inputOf(password), idempotencyKey: name } });
    const first = await send("four-random-words");
    expect(first.errors).toBeUndefined();
    const other = await send("other-random-words");
    expect([other.code, other.status, other.errors?.[0]?.extensions.field]).toEqual([
      ...["CONFLICT", 409, "idempotencyKey"],
    ]);
    expect((await send("four-random-words")).data).toEqual(first.data);
    // The first password still counts.
    await signIn(app.anonymous, `${name}@demo.example`, "four-random-words");
    const input = { ...inputOf("four-random-words"), idempotencyKey: name };
    const [kept] =
      await app.sql`select action, fingerprint, k::text as text from idempotency_keys k where key = ${name}`;
    expect(kept?.text).not.toMatch(/random-words/);
    // As the schema orders them, which is how they come.
    const fields = Object.keys((app.schema.getType("CreateUserInput") as GraphQLInputObjectType).getFields());
    const ordered = Object.fromEntries(
      Object.entries(input).toSorted(([a], [b]) => fields.indexOf(a) - fields.indexOf(b)),
    );
    for (const guess of [ordered, [kept?.action, ordered], input, [kept?.action, input]]) {
      expect(kept?.fingerprint).not.toBe(hash("sha256", JSON.stringify(guess)));
    }
  }
});

it("compares alike on every replica", async () => {
  const admin = await app.as("admin");
  const replica = await app.replica();
  const document = "mutation($input: CreateUserInput!) { createUser(input: $input) { user { id } } }";
  const input = { email: "both@demo.example", role: "DBA", password: "four-random-words", idempotencyKey: "both" };
  const here = await admin.run(document, { input });
  expect((await replica.as(admin.token).run(document, { input })).data).toEqual(here.data);
  await replica.stop();
});

it("is kept for a day", async () => {
  const analyst = await app.as("analyst");
  const input = { ...scan("day"), idempotencyKey: "day" };
  const client = createClient({
    connection: { ...inject("connection"), database: (await app.sql`select current_database() as name`)[0]!.name },
    poolSize: 1,
  });
  await analyst.run(CREATE, { input });
  await app.sql`update idempotency_keys set created_at = now() - interval '23 hours 59 minutes' where key = 'day'`;
  await purgeExpired(client.db);
  await analyst.run(CREATE, { input });
  expect(await rows("day")).toHaveLength(1);
  await app.sql`update idempotency_keys set created_at = now() - interval '24 hours 1 minute' where key = 'day'`;
  await purgeExpired(client.db);
  expect(await keys("day")).toEqual([]);
  await analyst.run(CREATE, { input });
  expect(await rows("day")).toHaveLength(2);
  await client.close();
});

it.each(["", "x".repeat(101), "a\0b", "\ud800"])("refuses the key %j", async (idempotencyKey) => {
  const { code, status, errors } = await (await app.as("analyst")).run(CREATE, {
    input: { ...scan("bad"), idempotencyKey },
  });
  expect([code, status, errors?.[0]?.extensions.field]).toEqual(["BAD_USER_INPUT", 400, "idempotencyKey"]);
  expect(await rows("bad")).toEqual([]);
});
