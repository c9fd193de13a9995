/** However somebody guesses at an account, five guesses from an address are evaluated, and nobody else is turned away. */
import { hash } from "node:crypto";
import { expect, it } from "vitest";
import { EMAILS, PASSWORD, signIn, testApp } from "../support/app.js";
import { cases } from "../support/deep.js";
import { clientOfAddress, nextAddress } from "./asking.js";

/** The limit of requests would end it sooner. */
const RATE_LIMITS = JSON.stringify({ api: { anonymous: { points: 1_000_000 } } });
const app = testApp({ RATE_LIMITS, TRUSTED_PROXIES: "1" });

const WRONG = "wrong-but-long-enough";
/** Each is the same mailbox. The last two have other Unicode forms of its letters. */
const SPELLINGS = [
  EMAILS.viewer,
  EMAILS.viewer.toUpperCase(),
  ` ${EMAILS.viewer} `,
  EMAILS.viewer.replace("viewer", "ViEwEr"),
  EMAILS.viewer.replace("v", "ｖ"),
  EMAILS.viewer.replace("@", "＠"),
];

const DOCUMENT = "mutation($input: SignInInput!) { signIn(input: $input) { accessToken } }";
const FORMS: readonly ((input: object, text: string) => object)[] = [
  (input) => ({ query: DOCUMENT, variables: { input } }),
  // It is found by its hash, once it has passed; until then nothing is evaluated.
  (input) => ({
    extensions: { persistedQuery: { version: 1, sha256Hash: hash("sha256", DOCUMENT) } },
    variables: { input },
  }),
  (_input, field) => ({ query: `mutation { ${field} }` }),
  (_input, field) => ({ query: `mutation { other: ${field} }` }),
  (_input, field) => ({ query: `mutation { ...F } fragment F on Mutation { ${field} }` }),
  (_input, field) => ({ query: `mutation { ... on Mutation { ... { ${field} } } }` }),
  (_input, field) => ({ query: `mutation A { ${field} } mutation B { ${field} }`, operationName: "B" }),
  (_input, field) => ({ query: `mutation { a: ${field} b: ${field} c: ${field} }` }),
  (_input, field) => ({ query: `mutation { ...F ...F } fragment F on Mutation { ${field} }` }),
];
/** What the proxy is told by the client counts for nothing. */
const FORWARDED = [
  (ip: string) => ip,
  (ip: string) => `192.0.2.7, ${ip}`,
  (ip: string) => `${ip}, 192.0.2.8,${ip}`,
  (ip: string) => `2001:db8::1, unknown, ${ip}`,
];

async function guess(ip: string, n: number): Promise<string> {
  const input = { email: SPELLINGS[n % SPELLINGS.length]!, password: `${WRONG}-${n}` };
  const text = `signIn(input: { email: ${JSON.stringify(input.email)}, password: "${input.password}" }) { accessToken }`;
  const body = FORMS[n % FORMS.length]!(input, text);
  const response = await fetch(`${app.url}/graphql`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-forwarded-for": FORWARDED[n % FORWARDED.length]!(ip) },
    // Every tenth is a batch, of which none is evaluated.
    body: JSON.stringify(n % 10 === 9 ? [body, body] : body),
  });
  const { errors } = (await response.json()) as { errors?: { extensions: { code: string } }[] };
  return errors?.[0]?.extensions.code ?? "data";
}

/** Every evaluated guess leaves one. */
const failures = async (ip: string) =>
  (await app.sql`select 1 from security_events where event_type = 'authn_login_fail' and ip_address = ${ip}`).length;

it("at most five are evaluated for an account and address, and the owner comes in after the lock", async () => {
  const ips = [nextAddress(), nextAddress()];
  const guesses = cases(240, 1000);
  const codes = new Map<string, number>();
  // Twenty connections at once; the last tenth comes from a second address.
  for (let first = 0; first < guesses; first += 20) {
    const ip = ips[first < guesses * 0.9 ? 0 : 1]!;
    const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => guess(ip, first + n)));
    for (const code of answers) codes.set(code, (codes.get(code) ?? 0) + 1);
  }
  expect(await Promise.all(ips.map(failures))).toEqual([5, 5]);
  expect(codes.get("UNAUTHENTICATED")).toBe(10);
  expect([...codes.keys()].sort()).toEqual(
    expect.arrayContaining(["BAD_USER_INPUT", "RATE_LIMITED", "UNAUTHENTICATED"]),
  );
  expect(codes.get("data")).toBeUndefined();

  // Nobody else is turned away at these addresses; the owner is locked out nowhere but for a minute.
  for (const ip of ips) await signIn(clientOfAddress(app, ip), EMAILS.analyst);
  app.clock.aheadMs += 61_000;
  await signIn(clientOfAddress(app, nextAddress()), EMAILS.viewer, PASSWORD);
});
