/** Who acted, as a type: the same as the JSON beside it, for those who read the record, and for nobody else. */
import { expect, it } from "vitest";
import { EMAILS, testApp } from "../../../support/app.js";
import { insertBusyInstance, silentProvider } from "../../../support/fleet-port.js";

const app = testApp({}, async () => [silentProvider()]);

const ACTOR = "{ __typename kind id email role name }";
const NOBODY = { __typename: "Actor", id: null, email: null, role: null, name: null };
const READERS = ["dba", "security", "admin"] as const;

it("an operation and its audit record name the user who requested it, as the account was then", async () => {
  const instanceId = await insertBusyInstance(app);
  const { data, errors } = await (await app.as("dba")).run(
    `mutation($input: RebootInstanceInput!) { rebootInstance(input: $input) { operation { id requestedByInfo ${ACTOR} } } }`,
    { input: { instanceId } },
  );
  expect(errors).toBeUndefined();
  const [user] = await app.sql`select id::text from users where email = ${EMAILS.dba}`;
  const actor = { ...NOBODY, kind: "USER", id: user?.id, email: EMAILS.dba, role: "DBA" };
  const { operation } = data.rebootInstance;
  expect(operation.requestedByInfo).toEqual(actor);
  await app.sql`update users set email = 'renamed@demo.example' where id = ${user?.id}`;
  for (const who of READERS) {
    const { data, errors } = await (await app.as(who)).run(`{
      operation(id: ${operation.id}) { requestedBy requestedByInfo ${ACTOR} }
      auditLogs(filter: { resourceId: { eq: "${operation.id}" } }) { nodes { actor actorInfo ${ACTOR} } }
      instance(id: ${instanceId}) { operations(last: 1) { nodes { requestedByInfo { kind name } } } }
    }`);
    expect(errors).toBeUndefined();
    const json = { type: "user", id: user?.id, email: EMAILS.dba, role: "DBA" };
    expect(data.operation).toEqual({ requestedBy: json, requestedByInfo: actor });
    expect(data.auditLogs.nodes).toEqual([{ actor: json, actorInfo: actor }]);
    expect(data.instance.operations.nodes).toEqual([{ requestedByInfo: { kind: "SYSTEM", name: "test" } }]);
  }
  await app.sql`update users set email = ${EMAILS.dba} where id = ${user?.id}`;
});

it.each([
  ['{"type": "system", "name": "schedule"}', { kind: "SYSTEM", name: "schedule" }],
  ['{"type": "anonymous"}', { kind: "ANONYMOUS" }],
  // A newer replica has written it.
  ['{"type": "service", "name": "ci", "role": "AUDITOR"}', { kind: "SERVICE", name: "ci", role: "AUDITOR" }],
  // Nothing of Postern's writes these; they must not take other records along.
  ["{}", { kind: "ANONYMOUS" }],
  ['{"type": 7, "id": {"a": 1}, "email": ["x"], "__proto__": {"name": "x"}}', { kind: "ANONYMOUS" }],
  ["[]", { kind: "ANONYMOUS" }],
  ["null", { kind: "ANONYMOUS" }],
  ['"text"', { kind: "ANONYMOUS" }],
])("what is stored as %s", async (stored, expected) => {
  const [record] = await app.sql`
    insert into audit_logs (actor, action, resource_type) values (${stored}::text::jsonb, 'x.y', 'operation') returning id`;
  const { data, errors } = await (await app.as("dba")).run(`{ auditLog(id: ${record?.id}) { actorInfo ${ACTOR} } }`);
  expect(errors).toBeUndefined();
  expect(data.auditLog.actorInfo).toEqual({ ...NOBODY, ...expected });
});

it.each(["viewer", "analyst"] as const)("%s learns of no actor", async (who) => {
  const { status, data, errors } = await (await app.as(who)).run(`{
    operations { nodes { requestedByInfo ${ACTOR} } } auditLogs { nodes { actorInfo ${ACTOR} } }
    instances { nodes { operations { nodes { requestedByInfo ${ACTOR} } } } }
  }`);
  expect(status).toBe(200);
  expect([data.operations, data.auditLogs, data.instances.nodes]).toEqual([null, null, [{ operations: null }]]);
  expect(errors?.map(({ extensions }) => extensions.permission).sort()).toEqual([
    "audit-logs:read",
    "operations:read",
    "operations:read",
  ]);
});
