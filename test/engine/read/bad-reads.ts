/** Sends values that JSON and GraphQL cannot both say to one argument, as a literal and as a variable, and looks at the refusal. */
import { expect } from "vitest";
import { type Somebody, type TestApp } from "../../support/app.js";

/** Looks like what must never come back. */
export const SECRET = "hunter2Secret";

/** A value by its text: in the document, and in the variables. */
class Text {
  constructor(
    readonly literal: string,
    readonly json: string,
  ) {}
}
/** A number that JavaScript cannot hold. */
export const number = (text: string) => new Text(text, text);
/** The name of an enum's value. */
export const word = (name: string) => new Text(name, JSON.stringify(name));

const entriesOf = (value: object) => Object.entries(value).filter(([, item]) => item !== undefined);

export function literal(value: unknown): string {
  if (value instanceof Text) return value.literal;
  if (Array.isArray(value)) return `[${value.map(literal).join()}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  return `{${entriesOf(value)
    .map(([key, item]) => `${/^\w+$/.test(key) ? key : JSON.stringify(key)}: ${literal(item)}`)
    .join()}}`;
}

export function json(value: unknown): string {
  if (value instanceof Text) return value.json;
  if (Array.isArray(value)) return `[${value.map(json).join()}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  return `{${entriesOf(value)
    .map(([key, item]) => `${JSON.stringify(key)}:${json(item)}`)
    .join()}}`;
}

/** One argument of the API. */
export interface Place {
  readonly name: string;
  readonly type: string;
  /** @returns a document that gives it this text */
  document(text: string): string;
}

export interface Bad {
  readonly what: string;
  readonly value: unknown;
  /** `type`: the schema says so; `value`: its meaning is wrong; `limit`: too much of it. */
  readonly kind: "type" | "value" | "limit";
  /** Below the argument; of a limit its name. */
  readonly at: string;
}

interface Refusal {
  readonly status: number;
  readonly codes: readonly string[];
  readonly errors: readonly { message: string; locations?: unknown[]; extensions: Record<string, string> }[];
  readonly text: string;
}

export async function send(app: TestApp, who: Somebody, query: string, variables = "{}"): Promise<Refusal> {
  const { token } = await app.as(who);
  const response = await fetch(`${app.url}/graphql`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
    body: `{"query":${JSON.stringify(query)},"variables":${variables}}`,
  });
  const text = await response.text();
  const errors = (JSON.parse(text).errors ?? []) as Refusal["errors"];
  return {
    status: response.status,
    codes: [...new Set(errors.map(({ extensions }) => extensions.code!))],
    errors,
    text,
  };
}

/** A path that ends with another, but for an index. */
const endsAt = (at: string) => new RegExp(`(^|\\.)${at.replaceAll(".", "\\.")}(\\.\\d+)?$`);

/** Lone surrogates are no text of a document, and strings no names. */
const unreadable = (value: unknown) => /\\ud[89a-f]|": /.test(literal(value));

/** @throws where the value is not refused with a 400 code and its place, or the answer tells more */
export async function expectRefused(app: TestApp, { name, type, document }: Place, bad: Bad): Promise<void> {
  const { what, value, kind, at } = bad;
  const field = at === "" ? name : at;
  const given = await send(
    app,
    "admin",
    `query($${name}: ${type}) ${document(`$${name}`)}`,
    `{"${name}":${json(value)}}`,
  );
  const label = `${document("…")} ${name} ${at} is ${what}`;
  expect([given.status, ...given.codes], `${label}, in a variable`).toEqual([
    400,
    kind === "limit" ? "LIMIT_EXCEEDED" : "BAD_USER_INPUT",
  ]);
  const { extensions } = given.errors[0]!;
  if (kind === "limit") expect([at, "variables"], label).toContain(extensions.limit);
  else expect(extensions.field, label).toMatch(endsAt(field));

  const written = await send(app, "admin", document(literal(value)));
  const code = unreadable(value)
    ? "GRAPHQL_PARSE_FAILED"
    : { type: "GRAPHQL_VALIDATION_FAILED", value: "BAD_USER_INPUT", limit: "LIMIT_EXCEEDED" }[kind];
  expect([written.status, ...written.codes], `${label}, in the document`).toEqual([400, code]);
  for (const { locations, extensions } of written.errors) {
    if (kind === "limit" && !unreadable(value)) expect([at, "tokens", "document"], label).toContain(extensions.limit);
    else if (code === "BAD_USER_INPUT") expect(extensions.field, label).toMatch(endsAt(field));
    else expect(locations, label).not.toHaveLength(0);
  }
  for (const { text } of [given, written]) expect(text, label).not.toMatch(/hunter2|\\u0000|\0|\\ud|INTERNAL|select /i);
}
