/** Bad input to every mutation: the right code and field, nothing changed, one audit record or none, and no value given away. */
import { readFileSync } from "node:fs";
import {
  buildSchema,
  type GraphQLInputField,
  type GraphQLInputObjectType,
  isEnumType,
  isListType,
  isNonNullType,
} from "graphql";
import { afterAll, describe, expect, it } from "vitest";
import { type Somebody, testApp } from "../support/app.js";

const app = testApp();

/** Looks like what must never come back. */
const SECRET = "hunter2Secret";

const SDL = buildSchema(readFileSync(new URL("../../schema/schema.graphql", import.meta.url), "utf8"));

/** Of texts and numbers, what their types do not say: the most characters, and values of the right type but the wrong form. */
const FORMS: Record<string, { max?: number; malformed?: unknown[] }> = {
  "signIn.email": { max: 254, malformed: [""] },
  "signIn.password": { max: 256, malformed: [""] },
  name: { max: 200, malformed: [""] },
  domain: { max: 253, malformed: ["", "-a.example", "a..example", "a b", "a_b", "a."] },
  subscriptionTier: { max: 50, malformed: [""] },
  email: { max: 254, malformed: ["", SECRET, `${SECRET}@`, "a@b@c.example"] },
  password: { max: 128, malformed: ["", "short", "password1234"] },
  fullName: { max: 200, malformed: [""] },
  targetUrl: { max: 2048, malformed: ["", SECRET, `javascript:${SECRET}`, `ftp://${SECRET}/`] },
  scanType: { max: 50, malformed: [""] },
  vulnType: { max: 100, malformed: [""] },
  title: { max: 500, malformed: [""] },
  description: { max: 20_000 },
  sessionId: { max: 100, malformed: [""] },
  message: { max: 20_000, malformed: [""] },
  response: { max: 20_000 },
  metricType: { max: 100, malformed: [""] },
  serviceName: { max: 100, malformed: [""] },
  endpoint: { max: 2048, malformed: [""] },
  responseTimeMs: { malformed: [-1] },
  eventType: { max: 50, malformed: ["", "a b", "1a"] },
  ipAddress: { max: 45, malformed: ["", SECRET, "1.2.3.256"] },
  userAgent: { max: 1000 },
  location: { max: 32_767 },
  metadata: { max: 32_767 },
};

type Who = Somebody | "anonymous";
const row = { id: "1", version: 1 };
const item = { severity: "LOW", vulnType: "T", title: "t" };

/** A good input of each mutation; a case below spoils one of its fields. */
const MUTATIONS: Record<string, [Who, Record<string, unknown>]> = {
  signIn: ["anonymous", { email: "a@b.example", password: "x" }],
  refreshSession: ["anonymous", { refreshToken: "x" }],
  signOut: ["anonymous", { refreshToken: "x" }],
  createOrganization: ["admin", { name: "n", domain: "n.example" }],
  updateOrganization: ["admin", { ...row, name: "n" }],
  deleteOrganization: ["admin", { id: "1" }],
  createUser: ["admin", { email: "n@b.example", password: "four-random-words", role: "DBA" }],
  updateUser: ["admin", { ...row, fullName: "n" }],
  deleteUser: ["admin", { id: "1" }],
  createScan: ["analyst", { organizationId: "1", targetUrl: "https://a.example/", scanType: "T" }],
  updateScan: ["analyst", { ...row, scanType: "T" }],
  deleteScan: ["analyst", { id: "1" }],
  createVulnerability: ["analyst", { scanId: "1", ...item }],
  createVulnerabilities: ["analyst", { scanId: "1", items: [item] }],
  updateVulnerability: ["analyst", { ...row, title: "t" }],
  deleteVulnerability: ["analyst", { id: "1" }],
  createChatSession: ["analyst", { userId: "2", sessionId: "s", message: "m" }],
  updateChatSession: ["analyst", { ...row, message: "m" }],
  deleteChatSession: ["analyst", { id: "1" }],
  createAnalyticsMetric: ["analyst", { organizationId: "1", metricType: "t", value: 1 }],
  updateAnalyticsMetric: ["analyst", { ...row, value: 1 }],
  deleteAnalyticsMetric: ["analyst", { id: "1" }],
  createPerformanceLog: ["admin", { serviceName: "s", endpoint: "/", responseTimeMs: 1 }],
  updatePerformanceLog: ["analyst", { id: "2", version: 1, endpoint: "/" }],
  deletePerformanceLog: ["analyst", { id: "2" }],
  recordSecurityEvent: ["admin", { eventType: "t", eventStatus: "SUCCESS" }],
};

interface Case {
  readonly what: string;
  readonly value: unknown;
  readonly code: string;
  readonly status: number;
  /** Whether the call reaches the permission door. */
  readonly reached: boolean;
}

const refused = (what: string, value: unknown, reached: boolean): Case => ({
  what,
  value,
  code: "BAD_USER_INPUT",
  status: 400,
  reached,
});

/** Nonsense, or a moment that four-digit years in UTC cannot say. */
const MOMENTS = [
  SECRET,
  "",
  "0000-01-01T00:00:00Z",
  "10000-01-01T00:00:00Z",
  "2026-01-01T24:00:00Z",
  "2026-02-30T00:00:00Z",
  "2026-01-01T00:00:60Z",
  "2026-01-01",
  "2026-01-01T00:00:00",
  "2026-01-01 00:00:00Z",
  "-001-01-01T00:00:00Z",
  "2026-01-01T00:00:00.1234567Z",
  0,
];

function casesOf(mutation: string, { name, type }: GraphQLInputField): Case[] {
  const form = FORMS[`${mutation}.${name}`] ?? FORMS[name] ?? {};
  const cases: Case[] = (form.malformed ?? []).map((value) => refused("malformed", value, true));
  const add = (what: string, reached: boolean, ...values: unknown[]) =>
    cases.push(...values.map((value) => refused(what, value, reached)));
  if (isNonNullType(type)) add("missing", false, undefined, null);
  const named = isNonNullType(type) ? type.ofType : type;
  const kind = String(isEnumType(named) ? "enum" : isListType(named) ? "list" : named);
  if (form.max) add("too long", true, SECRET.repeat(form.max).slice(0, form.max + 1));
  if (kind === "String" || kind === "ID") {
    add("not storable", true, `a\0${SECRET}`, `a\ud800${SECRET}`);
    add("an object", false, { [SECRET]: 1 });
  } else if (kind === "JSON") add("not storable", true, [`\0${SECRET}`], { "\udfff": 1 });
  else if (kind === "Float") add("no number", false, SECRET, "1", true);
  else if (kind === "enum") add("no member", false, SECRET, "low", 1);
  else if (kind === "DateTime") add("no moment", false, ...MOMENTS);
  else if (kind === "list") {
    add("empty", true, []);
    add("no list", false, SECRET);
  }
  if (kind === "ID") {
    add("no key", true, SECRET, "", "-1", "01", "1.0", "9223372036854775808", "9".repeat(40));
    const unknown = { what: "unknown", value: "9223372036854775807", code: "NOT_FOUND", status: 404, reached: true };
    if (mutation !== "recordSecurityEvent") cases.push(unknown);
  }
  if (kind === "Int") {
    add("below 1", true, 0, -1);
    add("no Int", false, 2 ** 31, 1.5, SECRET);
    cases.push({ what: "stale", value: 99, code: "CONFLICT", status: 409, reached: true });
  }
  return cases;
}

const TABLES =
  "users organizations scans vulnerabilities chat_sessions analytics_metrics performance_logs security_events sessions refresh_tokens".split(
    " ",
  );
async function state() {
  const parts = TABLES.map(
    (table) => `(select md5(coalesce(string_agg(t::text, '|' order by t::text), '')) from ${table} t)`,
  );
  const [row] = await app.sql.unsafe(
    `select concat_ws(' ', ${parts.join(", ")}) as data, (select count(*)::int from audit_logs) as audit`,
  );
  return row as unknown as { data: string; audit: number };
}

const answers: string[] = [];
async function send(who: Who, query: string, variables?: object) {
  const { token } = who === "anonymous" ? app.anonymous : await app.as(who);
  const response = await fetch(`${app.url}/graphql`, {
    method: "POST",
    headers: { "content-type": "application/json", ...(token !== null && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify({ query, variables }),
  });
  const answer = await response.text();
  answers.push(answer);
  const [error, ...others] = JSON.parse(answer).errors;
  expect(others).toEqual([]);
  return { status: response.status, code: error.extensions.code, field: error.extensions.field };
}

const inputType = (name: string) => `${name.charAt(0).toUpperCase()}${name.slice(1)}Input`;
const literal = (value: unknown): string => {
  if (Array.isArray(value)) return `[${value.map(literal).join()}]`;
  if (typeof value !== "object" || value === null) {
    return /^(LOW|DBA|SUCCESS)$/.test(String(value)) ? String(value) : JSON.stringify(value);
  }
  const given = Object.entries(value).filter(([, item]) => item !== undefined);
  return `{${given.map(([key, item]) => `${key}: ${literal(item)}`).join()}}`;
};

describe.each(Object.entries(MUTATIONS))("%s", (name, [who, valid]) => {
  const document = `mutation($input: ${inputType(name)}!) { ${name}(input: $input) { __typename } }`;
  const fields = Object.values((SDL.getType(inputType(name)) as GraphQLInputObjectType).getFields());
  const cases = fields.flatMap((field) => casesOf(name, field).map((each) => ({ field: field.name, ...each })));

  it.each(cases)("$field is $what", async ({ field, value, code, status, reached }) => {
    if (who !== "anonymous") await app.as(who);
    const before = await state();
    const answer = await send(who, document, { input: { ...valid, [field]: value } });
    const place = code === "BAD_USER_INPUT" && { field: expect.stringMatching(`^${field}\\b`) };
    expect(answer, JSON.stringify(value)).toMatchObject({ status, code, ...place });
    const records = reached && who !== "anonymous" ? 1 : 0;
    expect(await state(), JSON.stringify(value)).toEqual({ ...before, audit: before.audit + records });
  });

  it("has a field too many, or lacks one in the document", async () => {
    if (who !== "anonymous") await app.as(who);
    const before = await state();
    const extra = await send(who, document, { input: { ...valid, unknown: SECRET } });
    expect(extra).toEqual({ status: 400, code: "BAD_USER_INPUT", field: "unknown" });
    const required = fields.filter(({ type }) => isNonNullType(type)).map((field) => field.name);
    for (const input of [{ ...valid, unknown: 1 }, ...required.map((field) => ({ ...valid, [field]: undefined }))]) {
      const answer = await send(who, `mutation { ${name}(input: ${literal(input)}) { __typename } }`);
      expect(answer).toMatchObject({ status: 400, code: "GRAPHQL_VALIDATION_FAILED" });
    }
    expect(await state()).toEqual(before);
  });
});

it("every mutation stands in the table above", () => {
  // The fleet's have tests of their own, on real instances.
  const fleet = ["cancelOperation", "createSnapshot", "modifyBackupWindow", "rebootInstance", "setEnvironmentMapping"];
  const all = Object.keys(SDL.getMutationType()?.getFields() ?? {});
  expect(Object.keys(MUTATIONS).sort()).toEqual(all.filter((name) => !fleet.includes(name)).sort());
});

afterAll(() => {
  const said = [...answers, JSON.stringify(app.log)].filter((text) =>
    /hunter2|select |insert into|INTERNAL_SERVER|postern-test/i.test(text),
  );
  expect(said.slice(0, 3)).toEqual([]);
});
