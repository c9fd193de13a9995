/** The log of requests, for its tests: an app whose every statement is slow, requests by their ids, and the lines that they leave. */
import { hash } from "node:crypto";
import { beforeAll, expect, vi } from "vitest";
import { EMAILS, testApp } from "./app.js";
import { SOON } from "./soon.js";

export const sha256 = (text: string) => hash("sha256", text);
export const JSON_TYPE = { "content-type": "application/json" };
export const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
export const ANONYMOUS = { kind: "anonymous", id: null };
export const SCANS = "query Scans($first: Int) { scans(first: $first) { nodes { id targetUrl } } }";

/** The line of a request, of which the test says what is particular. */
export const line = (requestId: string, particular: Record<string, unknown>) => ({
  level: "info",
  time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
  requestId,
  method: "POST",
  route: "/graphql",
  operation: null,
  document: null,
  actor: ANONYMOUS,
  code: null,
  status: 200,
  durationMs: expect.any(Number),
  statements: 0,
  bytes: expect.any(Number),
  msg: "request",
  ...particular,
});

/** Starts the app for the calling file. */
export function useRequestLog() {
  const app = testApp({ CORS_ORIGINS: "https://app.example", SLOW_STATEMENT_MS: "0" });

  let next = 0;
  const nextId = () => `line-${next++}`;

  const tokens = { analyst: "", viewer: "" };
  beforeAll(async () => {
    const [analyst, viewer] = await Promise.all([app.as("analyst"), app.as("viewer")]);
    Object.assign(tokens, { analyst: analyst.token, viewer: viewer.token });
  });

  /** Waits for the line, which is written when the answer has been sent. */
  const lineOf = (id: string) =>
    vi.waitFor(() => {
      const lines = app.log.filter(({ msg, requestId }) => msg === "request" && requestId === id);
      if (lines.length !== 1) throw new Error(`There are ${lines.length} lines of ${id}.`);
      return lines[0] as Record<string, unknown>;
    }, SOON);

  async function fetchAs(id: string, path: string, init: RequestInit = {}) {
    const headers = { "x-request-id": id, ...(init.headers as Record<string, string>) };
    const response = await fetch(`${app.url}${path}`, { redirect: "manual", ...init, headers });
    const bytes = Number(response.headers.get("content-length") ?? 0);
    return { status: response.status, bytes, text: await response.text() };
  }

  const post = (id: string, body: unknown, headers: Record<string, string> = {}) =>
    fetchAs(id, "/graphql", {
      method: "POST",
      headers: { ...JSON_TYPE, ...headers },
      body: typeof body === "string" ? body : JSON.stringify(body),
    });

  /** Sends a GraphQL request and compares its line. */
  async function expectLine(
    request: unknown,
    headers: Record<string, string>,
    particular: Record<string, unknown>,
  ): Promise<void> {
    const id = nextId();
    const { status, bytes } = await post(id, request, headers);
    expect(await lineOf(id)).toEqual(line(id, { bytes, ...particular }));
    expect(particular.status ?? 200).toBe(status);
  }

  const userId = async (who: keyof typeof EMAILS) =>
    (await app.sql`select id::text from users where email = ${EMAILS[who]}`)[0]?.id as string;

  const analyst = async () => ({ kind: "user", id: await userId("analyst") });

  return { app, nextId, tokens, lineOf, fetchAs, post, expectLine, userId, analyst };
}
