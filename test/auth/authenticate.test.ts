/** What an Authorization header makes of a caller. */
import { expect, test } from "vitest";
import { createAuthentication } from "../../src/auth/authenticate.js";
import { ACCESS_TOKEN_SECONDS } from "../../src/auth/tokens.js";
import { makeTokens, SUBJECT } from "./signed.js";

function door() {
  const { tokens, clock } = makeTokens();
  const ended = new Set<string>();
  return { tokens, clock, ended, ...createAuthentication({ tokens, clock, isRevoked: (id) => ended.has(id) }) };
}

test("without a header nobody calls, and there is nothing to explain", async () => {
  expect(await door().authenticate(undefined)).toEqual({ kind: "anonymous" });
});

test.each(["Bearer ", "bearer ", "BEARER  "])("a good token is a user: %s", async (scheme) => {
  const { tokens, authenticate } = door();
  const { token, claims } = await tokens.issue(SUBJECT);
  const user = { kind: "user", ...claims };
  expect(await authenticate(scheme + token)).toEqual(user);
  expect(await authenticate(scheme + token)).toEqual(user);
});

test("an expired token is nobody, and is told to refresh", async () => {
  const { tokens, clock, authenticate } = door();
  const { token } = await tokens.issue(SUBJECT);
  clock.at += ACCESS_TOKEN_SECONDS * 1000;
  expect(await authenticate(`Bearer ${token}`)).toEqual({
    kind: "anonymous",
    reason: "Your access token has expired: call refreshSession or sign in again.",
  });
});

test("a token of an ended session is nobody at once, remembered or not", async () => {
  const { tokens, ended, authenticate } = door();
  const { token } = await tokens.issue(SUBJECT);
  expect(await authenticate(`Bearer ${token}`)).toMatchObject({ kind: "user" });
  ended.add(SUBJECT.sessionId);
  expect(await authenticate(`Bearer ${token}`)).toEqual({
    kind: "anonymous",
    reason: "Your session has ended: sign in again.",
  });
});

test.each(["VIEWER", "ANALYST"] as const)("a %s without organization is nobody", async (role) => {
  const { tokens, authenticate } = door();
  const { token } = await tokens.issue({ ...SUBJECT, role, organizationId: null });
  expect(await authenticate(`Bearer ${token}`)).toEqual({
    kind: "anonymous",
    reason: expect.stringContaining("belongs to no organization"),
  });
});

test.each(["DBA", "SECURITY", "ADMIN"] as const)("a %s needs no organization", async (role) => {
  const { tokens, authenticate } = door();
  const { token } = await tokens.issue({ ...SUBJECT, role, organizationId: null });
  expect(await authenticate(`Bearer ${token}`)).toMatchObject({ kind: "user", role, organizationId: null });
});

test.each(["Bearer x.y.z", `Bearer ${"a".repeat(100_000)}`])(
  "a bad token is nobody, and is told to sign in: %.20s",
  async (header) => {
    expect(await door().authenticate(header)).toEqual({
      kind: "anonymous",
      reason: "Your access token is not valid: sign in again.",
    });
  },
);

test.each(["", " ", "Bearer", "Bearer  ", "Basic YTpi", "Bearer a b", "Bearer\u00a0a", "token"])(
  "anything else is nobody, and is told the form: '%s'",
  async (header) => {
    expect(await door().authenticate(header)).toEqual({
      kind: "anonymous",
      reason: expect.stringContaining("`Authorization: Bearer <access token>`"),
    });
  },
);
