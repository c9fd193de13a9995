/** Create, update and delete of every type that clients write: the answer, the row, and exactly one audit record each. */
import { describe, expect, it, vi } from "vitest";
import { changedOf, withinOf } from "../../specimens/changes.js";
import { written } from "../../specimens/index.js";
import { next, oneOf, tableOf } from "../../specimens/specimen.js";
import { testApp } from "../../support/app.js";

const app = testApp();

const ACTORS = {
  admin: { type: "user", email: "admin@demo.example", role: "ADMIN" },
  analyst: { type: "user", email: "analyst@demo.example", role: "ANALYST" },
};

const lastAuditId = async () => (await app.sql`select coalesce(max(id), 0)::text as id from audit_logs`)[0]!.id;
const auditSince = (id: string) => app.sql`
  select actor, action, resource_type, resource_id, parameters, result, success, request_id,
    duration_seconds >= 0 and duration_seconds < 60 as timed, user_id::text = actor->>'id' as same_user
  from audit_logs where id > ${id} order by id`;
const rowsOf = (table: string, id: string) =>
  app.sql.unsafe(`select to_jsonb(t) - 'updated_at' as row from ${table} t where id = $1`, [id]);

describe.each(written)("$type.name", (specimen) => {
  const { resource, roles, selection, secrets } = specimen.writes;
  const type = specimen.type.name;
  const [field, table] = [oneOf(specimen), tableOf(specimen)];
  const who = roles.includes("ANALYST") ? "analyst" : "admin";
  const mutation = (verb: "create" | "update") =>
    `mutation($input: ${verb === "create" ? "Create" : "Update"}${type}Input!) {
       ${verb}${type}(input: $input) { ${field} { id version ${selection} } } }`;
  const deletion = `mutation($input: Delete${type}Input!) { delete${type}(input: $input) { deleted${type}Id } }`;

  /** What one successful call must leave, and nothing beside it. */
  const record = (verb: string, id: string, input: Record<string, unknown>) => [
    {
      actor: { ...ACTORS[who], id: expect.stringMatching(/^\d+$/) },
      action: `${resource}.${verb}`,
      resource_type: resource,
      resource_id: id,
      parameters: Object.fromEntries(
        Object.entries(input).map(([name, value]) => [name, secrets && name in secrets ? "[redacted]" : value]),
      ),
      result: null,
      success: true,
      request_id: `${type}.${verb}`,
      timed: true,
      same_user: true,
    },
  ];

  it("is created, changed with its version, refused when stale, and deleted", async () => {
    const client = await app.as(who);
    const run = (verb: string, document: string, input: object) =>
      client.run(document, { input }, { "x-request-id": `${type}.${verb}` });

    const n = next();
    const input = { ...withinOf(specimen), ...specimen.writes.create(n) };
    let before = await lastAuditId();
    const creation = await run("create", mutation("create"), input);
    expect(creation.errors).toBeUndefined();
    const { id, ...created } = creation.data[`create${type}`][field];
    expect(created).toEqual({ version: 1, ...specimen.writes.created(n) });
    expect(creation.headers.get("x-request-id")).toBe(`${type}.create`);
    expect(await auditSince(before)).toEqual(record("create", id, input));

    before = await lastAuditId();
    const update = { id, version: 1, ...specimen.writes.changes, ...secrets };
    const updated = await run("update", mutation("update"), update);
    expect(updated.errors).toBeUndefined();
    expect(updated.data[`update${type}`][field]).toEqual({ id, version: 2, ...changedOf(specimen, n) });
    expect(await auditSince(before)).toEqual(record("update", id, update));

    before = await lastAuditId();
    const kept = await rowsOf(table, id);
    expect(kept[0]?.row.version).toBe(2);
    const answers = [
      await run("update", mutation("update"), update),
      await run("delete", deletion, { id, version: 1 }),
    ];
    for (const stale of answers) {
      expect([stale.code, stale.status, stale.errors?.[0]?.extensions.field, stale.errors?.[0]?.message]).toEqual([
        "CONFLICT",
        409,
        "version",
        expect.stringContaining("its version is 2 now"),
      ]);
    }
    expect(await rowsOf(table, id)).toEqual(kept);
    expect(await auditSince(before)).toMatchObject(
      ["update", "delete"].map((verb) => ({
        action: `${resource}.${verb}`,
        resource_id: id,
        success: false,
        result: { code: "CONFLICT" },
        request_id: `${type}.${verb}`,
      })),
    );

    before = await lastAuditId();
    const deleted = await run("delete", deletion, { id, version: 2 });
    expect(deleted.data).toEqual({ [`delete${type}`]: { [`deleted${type}Id`]: id } });
    expect(await rowsOf(table, id)).toEqual([]);
    expect(await auditSince(before)).toEqual(record("delete", id, { id, version: 2 }));

    const again = await run("delete", deletion, { id });
    expect([again.code, again.status]).toEqual(["NOT_FOUND", 404]);
  });

  it("leaves neither row nor record when the audit record cannot be written", async () => {
    const client = await app.as(who);
    const state = () => app.sql.unsafe(`select (select count(*) from ${table}) r, (select count(*) from audit_logs) a`);
    const before = await state();
    await app.sql.unsafe("alter table audit_logs rename column result to hidden");
    const input = { ...withinOf(specimen), ...specimen.writes.create(next()) };
    const { code, status } = await client.run(mutation("create"), { input });
    await app.sql.unsafe("alter table audit_logs rename column hidden to result");
    expect([code, status]).toEqual(["INTERNAL_SERVER_ERROR", 500]);
    // The record of the failure waits, because it could not be written either.
    const [kept] = await before;
    await vi.waitFor(
      async () => expect((await state())[0]).toEqual({ ...kept, a: String(Number(kept?.a) + 1) }),
      10_000,
    );
  });
});
