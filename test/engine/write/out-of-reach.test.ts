/** What is not the caller's looks as if it did not exist; what exists already is a CONFLICT. Nothing changes either way. */
import { beforeAll, expect, it } from "vitest";
import { changesOf, inputOf } from "../../specimens/changes.js";
import { insertMissing, written } from "../../specimens/index.js";
import { testApp } from "../../support/app.js";
import { digestOf } from "../../support/digest.js";

const app = testApp();
beforeAll(() => insertMissing(app));

/** What these changes leave behind beside their records. */
const state = digestOf(app, ["audit_logs", "idempotency_keys"]);
const audited = (requestId: string) =>
  app.sql`select success, result->>'code' as code from audit_logs where request_id = ${requestId}`;

const inputType = (name: string) => `${name.charAt(0).toUpperCase()}${name.slice(1)}Input`;
const document = (name: string) => `mutation($input: ${inputType(name)}!) { ${name}(input: $input) { __typename } }`;
/** Of the first organization, asked for by the analyst of the second; with the key that says of which row. */
const FOREIGN: [string, Record<string, unknown>, string][] = [
  ...written
    .filter(({ writes }) => writes.roles.includes("ANALYST"))
    .flatMap(changesOf)
    .flatMap((change): [string, Record<string, unknown>, string][] => {
      const { known = "1", within } = change.specimen.writes;
      // By a filter nothing is found; of many items each belongs to a row of its own, unless they share it.
      if (/^(update|delete)Many/.test(change.verb) || (change.verb === "createMany" && !within?.shared)) return [];
      const key = change.verb.startsWith("create") ? within?.field : "id";
      return key ? [[change.name, inputOf(change, [known]), key]] : [];
    }),
  // The platform's own, which belongs to no organization.
  ["updatePerformanceLog", { id: "1", version: 1, endpoint: "/" }, "id"],
  ["deletePerformanceLog", { id: "1" }, "id"],
];

it.each(FOREIGN)("%s of another organization answers as what does not exist: %o", async (name, input, reference) => {
  const client = await app.as("otherAnalyst");
  const before = await state();
  const foreign = await client.run(document(name), { input }, { "x-request-id": "foreign" });
  const unknown = await client.run(document(name), { input: { ...input, [reference]: "9007199254740993" } });
  expect([foreign.code, foreign.status]).toEqual(["NOT_FOUND", 404]);
  const told = ({ status, data, errors }: typeof foreign) => ({
    status,
    data,
    errors: errors?.map(({ extensions: { requestId: _, ...extensions }, ...error }) => ({ ...error, extensions })),
  });
  expect(told(foreign)).toEqual(told(unknown));
  expect(await state()).toEqual(before);
  expect((await audited("foreign")).at(-1)).toEqual({ success: false, code: "NOT_FOUND" });
});

it("a performance log without organization is the platform's own: no tenant may write one", async () => {
  const analyst = await app.as("analyst");
  const before = await state();
  const input = { serviceName: "s", endpoint: "/", responseTimeMs: 1 };
  for (const given of [input, { ...input, organizationId: null }]) {
    const { code } = await analyst.run(document("createPerformanceLog"), { input: given });
    expect(["NOT_FOUND", "BAD_USER_INPUT", "FORBIDDEN"]).toContain(code);
  }
  expect(await state()).toEqual(before);
});

const user = { password: "four-random-words", role: "DBA" };
const matching = (id: string) => ({ filter: { id: { eq: id } }, expectedCount: 1 });
it.each<[string, Record<string, unknown>, string]>([
  ["createUser", { ...user, email: "viewer@demo.example" }, "email"],
  ["createUser", { ...user, email: "VIEWER@Demo.Example" }, "email"],
  ["updateUser", { id: "2", version: 1, email: "Admin@Demo.example" }, "email"],
  ["updateUsers", { ...matching("2"), changes: { fullName: "n", email: "Admin@Demo.example" } }, "changes.email"],
  // Of no organization, so that it is judged in a transaction.
  ["updateUser", { id: "2", version: 1, email: "Admin@Demo.example", role: "DBA" }, "email"],
  [
    "updateUsers",
    { filter: { role: { eq: "ANALYST" } }, expectedCount: 2, changes: { email: "twice@demo.example" } },
    "changes.email",
  ],
  ["createOrganization", { name: "n", domain: "demo.example" }, "domain"],
  ["createOrganization", { name: "n", domain: "DEMO.example" }, "domain"],
  ["updateOrganization", { id: "2", version: 1, domain: "Demo.Example" }, "domain"],
  ["updateOrganization", { id: "2", version: 1, name: "demo.example", domain: "demo.example" }, "domain"],
  ["updateOrganizations", { ...matching("2"), changes: { name: "n", domain: "Demo.Example" } }, "changes.domain"],
])("%s refuses a duplicate and names it: %o", async (name, input, field) => {
  const admin = await app.as("admin");
  const before = await state();
  const requestId = `duplicate.${Math.abs(JSON.stringify(input).length)}.${name}`;
  const { code, status, errors } = await admin.run(document(name), { input }, { "x-request-id": requestId });
  expect([code, status, errors?.[0]?.extensions.field]).toEqual(["CONFLICT", 409, field]);
  expect(errors?.[0]?.message).not.toMatch(/demo/i);
  expect(await state()).toEqual(before);
  expect((await audited(requestId)).at(-1)).toEqual({ success: false, code: "CONFLICT" });
});

it("of parallel creations of one e-mail address one wins", async () => {
  const admin = await app.as("admin");
  const answers = await Promise.all(
    ["twin@demo.example", "TWIN@demo.example", "Twin@demo.example"].map((email) =>
      admin.run(document("createUser"), { input: { ...user, email } }),
    ),
  );
  expect(answers.map(({ code }) => code ?? "").sort()).toEqual(["", "CONFLICT", "CONFLICT"]);
});

/** Raw JSON, because JSON.stringify escapes what it is given and no more. */
it.each(["\\u0000", "a\\ud800", "\\udc00b"])("refuses %s as it stands in the body", async (escaped) => {
  const { token } = await app.as("analyst");
  const before = await state();
  const body = `{"query": ${JSON.stringify(document("createScan"))}, "variables":
    {"input": {"organizationId": "1", "targetUrl": "https://a.example/", "scanType": "${escaped}"}}}`;
  const headers = { "content-type": "application/json", authorization: `Bearer ${token}` };
  const response = await fetch(`${app.url}/graphql`, { method: "POST", headers, body });
  const { errors } = (await response.json()) as { errors: { extensions: object }[] };
  expect([response.status, errors[0]?.extensions]).toMatchObject([400, { code: "BAD_USER_INPUT", field: "scanType" }]);
  expect(await state()).toEqual(before);
});
