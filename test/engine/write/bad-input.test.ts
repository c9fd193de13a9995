/** Bad input to every mutation: the right code and field, nothing changed, one audit record or none, and no value given away. */
import { readFileSync } from "node:fs";
import {
  buildSchema,
  type GraphQLInputField,
  type GraphQLInputObjectType,
  getNamedType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
} from "graphql";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { changesOf, inputOf } from "../../specimens/changes.js";
import { insertMissing, written } from "../../specimens/index.js";
import { type Form, SECRET } from "../../specimens/specimen.js";
import { PASSWORD, type Somebody, testApp } from "../../support/app.js";
import { oneOfEach } from "../../support/deep.js";
import { digestOf } from "../../support/digest.js";

const app = testApp();
beforeAll(() => insertMissing(app));

const SDL = buildSchema(readFileSync(new URL("../../../schema/schema.graphql", import.meta.url), "utf8"));

/** Of mutations that no type brings along, and of what all creations take. */
const FORMS: Record<string, Form> = {
  "signIn.email": { max: 254, malformed: [""] },
  "signIn.password": { max: 1024, malformed: [""] },
  "changePassword.currentPassword": { max: 1024, malformed: [""] },
  "changePassword.newPassword": { max: 128, malformed: ["", "short", "password1234"] },
  "recordSecurityEvent.eventType": { max: 50, malformed: ["", "a b", "1a"] },
  "recordSecurityEvent.ipAddress": { max: 45, malformed: ["", SECRET, "1.2.3.256"] },
  "recordSecurityEvent.userAgent": { max: 1000 },
  "recordSecurityEvent.location": { max: 32_767 },
  "recordSecurityEvent.metadata": { max: 32_767 },
  idempotencyKey: { max: 100, malformed: [""] },
  reason: { max: 500, malformed: [""] },
};

type Who = Somebody | "anonymous";
const CHANGES = new Map(written.flatMap(changesOf).map((change) => [change.name, change]));

const ofUser = { id: "1", reason: "It is one." };

/** A good input of each mutation; a case below spoils one of its fields, of two items one of the second. */
const MUTATIONS: Record<string, [Who, Record<string, unknown>]> = {
  signIn: ["anonymous", { email: "a@b.example", password: "x" }],
  refreshSession: ["anonymous", { refreshToken: "x" }],
  signOut: ["anonymous", { refreshToken: "x" }],
  changePassword: ["viewer", { currentPassword: PASSWORD, newPassword: "four-random-words" }],
  revokeSession: ["viewer", { id: "1" }],
  revokeSessions: ["security", { userId: "1" }],
  rotateSecrets: ["admin", { keyId: "0123abcd" }],
  recordSecurityEvent: ["admin", { eventType: "t", eventStatus: "SUCCESS" }],
  ...Object.fromEntries(
    ["lockUser", "unlockUser", "deactivateUser", "reactivateUser"].map((name) => [name, ["security", ofUser]] as const),
  ),
  ...Object.fromEntries(
    [...CHANGES.values()].map((change): [string, [Who, Record<string, unknown>]] => {
      const { roles, known = "1" } = change.specimen.writes;
      return [change.name, [roles.includes("ANALYST") ? "analyst" : "admin", inputOf(change, [known], 2)]];
    }),
  ),
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

const limited = (what: string, value: unknown): Case => ({
  what,
  value,
  code: "LIMIT_EXCEEDED",
  status: 400,
  reached: true,
});
const nested = (depth: number): object => (depth === 0 ? { id: { eq: "1" } } : { not: nested(depth - 1) });

function casesOf(mutation: string, { name, type }: GraphQLInputField): Case[] {
  const written = CHANGES.get(mutation)?.specimen.writes;
  const form = written?.forms[name] ?? FORMS[`${mutation}.${name}`] ?? FORMS[name] ?? {};
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
    const most = written?.most ?? 1000;
    const [good] = (MUTATIONS[mutation]?.[1].items ?? []) as object[];
    if (good) cases.push(limited("too long", Array(most + 1).fill(good)));
  }
  if (kind === "ID") {
    add("no key", true, SECRET, "", "-1", "01", "1.0", "9223372036854775808", "9".repeat(40));
    const unknown = { what: "unknown", value: "9223372036854775807", code: "NOT_FOUND", status: 404, reached: true };
    if (mutation !== "recordSecurityEvent") cases.push(unknown);
  }
  if (kind.endsWith("Filter")) {
    add("no filter", false, SECRET, [], { unknown: SECRET }, { id: SECRET }, { id: { like: SECRET } });
    add("no key", true, { id: { eq: SECRET } }, { or: [{ id: { in: ["1", `${SECRET}`] } }] });
    add("null below", true, { id: null }, { and: [{ id: { eq: null } }] });
    cases.push(limited("too deep", nested(11)), limited("too long", { and: Array(101).fill({ id: { ne: "0" } }) }));
    cases.push(limited("too wide", { id: { in: Array(1001).fill("1") } }));
  } else if (kind.endsWith("ChangesInput")) {
    add("empty", true, {});
    add("no object", false, SECRET, []);
  } else if (name === "expectedCount") {
    add("below 0", true, -1, -(2 ** 31));
    add("no Int", false, 2 ** 31, 1.5, SECRET);
    cases.push(limited("too many", 1001), limited("far too many", 2 ** 31 - 1));
    cases.push({ what: "another", value: 7, code: "CONFLICT", status: 409, reached: true });
  } else if (kind === "Int") {
    add("below 1", true, 0, -1);
    add("no Int", false, 2 ** 31, 1.5, SECRET);
    cases.push({ what: "stale", value: 99, code: "CONFLICT", status: 409, reached: true });
  }
  return cases;
}

/** The same for the fields of the second item, and of changes: the whole stays good around them. */
function casesBelow(mutation: string, field: GraphQLInputField, valid: Record<string, unknown>) {
  const type = getNamedType(field.type);
  if (!isInputObjectType(type) || !/(Item|Changes)Input$/.test(type.name)) return [];
  const given = valid[field.name] as object | object[];
  const around = (changes: object) =>
    Array.isArray(given) ? [given[0], { ...given[1], ...changes }] : { ...given, ...changes };
  const path = Array.isArray(given) ? `${field.name}.1` : field.name;
  return Object.values(type.getFields()).flatMap((below) =>
    spread(casesOf(mutation, below)).map((each) => ({
      ...each,
      place: `${path}.${below.name}`,
      field: field.name,
      value: around({ [below.name]: each.value }),
    })),
  );
}

/** Each field gets each kind of what is wrong, and each value goes to some field of its type. */
const spread = (cases: readonly Case[]) => oneOfEach(cases, ({ what, reached }) => `${what} ${reached}`, turn++);
let turn = 0;

const digest = digestOf(app, ["audit_logs"]);
const audits = async () => (await app.sql`select count(*)::int as n from audit_logs`)[0]?.n as number;

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
    return /^[A-Z]{3,}$/.test(String(value)) ? String(value) : JSON.stringify(value);
  }
  const given = Object.entries(value).filter(([, item]) => item !== undefined);
  return `{${given.map(([key, item]) => `${key}: ${literal(item)}`).join()}}`;
};

describe.each(Object.entries(MUTATIONS))("%s", (name, [who, valid]) => {
  const document = `mutation($input: ${inputType(name)}!) { ${name}(input: $input) { __typename } }`;
  const fields = Object.values((SDL.getType(inputType(name)) as GraphQLInputObjectType).getFields());
  const cases = fields.flatMap((field) => [
    ...spread(casesOf(name, field)).map((each) => ({ place: field.name, field: field.name, ...each })),
    ...casesBelow(name, field, valid),
  ]);

  let unchanged: string;
  /** How many records the case before has left. */
  let recorded: number;
  beforeAll(async () => {
    if (who !== "anonymous") await app.as(who);
    unchanged = await digest();
    recorded = await audits();
  });

  it.each(cases)("$place is $what", async ({ place, field, value, code, status, reached }) => {
    const answer = await send(who, document, { input: { ...valid, [field]: value } });
    const named = code === "BAD_USER_INPUT" && { field: expect.stringMatching(`^${place}\\b`) };
    expect(answer, JSON.stringify(value)).toMatchObject({ status, code, ...named });
    const expected = recorded + (reached && who !== "anonymous" ? 1 : 0);
    recorded = await audits();
    expect(recorded, JSON.stringify(value)).toBe(expected);
  });

  it("has a field too many, or lacks one in the document", async () => {
    const extra = await send(who, document, { input: { ...valid, unknown: SECRET } });
    expect(extra).toEqual({ status: 400, code: "BAD_USER_INPUT", field: "unknown" });
    const required = fields.filter(({ type }) => isNonNullType(type)).map((field) => field.name);
    for (const input of [{ ...valid, unknown: 1 }, ...required.map((field) => ({ ...valid, [field]: undefined }))]) {
      const answer = await send(who, `mutation { ${name}(input: ${literal(input)}) { __typename } }`);
      expect(answer).toMatchObject({ status: 400, code: "GRAPHQL_VALIDATION_FAILED" });
    }
    expect(await audits()).toBe(recorded);
  });

  // Once for all: a look at every row takes longer than a call.
  it("and none of that has changed anything", async () => expect(await digest()).toBe(unchanged));
});

it("every mutation stands in the table above", () => {
  // The fleet's have tests of their own, on real instances.
  const fleet =
    /^((cancel|retry)(Bulk)?Operation|createSnapshots?|(delete|restore)Snapshot|modify(BackupWindows?|InstanceClass(es)?)|changeParameterGroups?|(reboot|stop|start)Instances?|(set|propose)InstanceTags|setTagsOfInstances|setEnvironment(Mapping|Rules)|confirmEnvironmentProposal|discoverInstances)$/;
  const all = Object.keys(SDL.getMutationType()?.getFields() ?? {});
  expect(Object.keys(MUTATIONS).sort(), "with a good input").toEqual(all.filter((name) => !fleet.test(name)).sort());
});

afterAll(() => {
  const said = [...answers, JSON.stringify(app.log)].filter((text) =>
    /hunter2|select |insert into|INTERNAL_SERVER|postern-test/i.test(text),
  );
  expect(said.slice(0, 3)).toEqual([]);
});
