/** TRUSTED_DOCUMENTS: only the documents of a folder run, by their text or its hash; others are refused and recorded. */
import { hash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, inject, it, vi } from "vitest";
import { createApp } from "../../src/app.js";
import { readConfig } from "../../src/config.js";
import { createLog } from "../../src/log.js";
import { testApp } from "../support/app.js";
import { openLive } from "../support/live.js";
import { SOON } from "../support/soon.js";

// biome-ignore lint/suspicious/noExplicitAny: answers are looked at, not computed with
type Json = any;

const ROOT = mkdtempSync(join(tmpdir(), "trusted-"));
afterAll(() => rmSync(ROOT, { recursive: true }));

/** Makes a folder of such files. */
function folder(name: string, files: Record<string, string | Buffer>): string {
  const path = join(ROOT, name);
  mkdirSync(join(path, "below"), { recursive: true });
  for (const [file, text] of Object.entries(files)) writeFileSync(join(path, file), text);
  return path;
}

const SIGN_IN = `mutation($input: SignInInput!) { signIn(input: $input) { accessToken refreshToken expiresAt } }`;
const VIEWER = "{ viewer { role } }\n";
const FOLLOW = 'subscription { securityEventRecorded(filter: { eventType: { eq: "trusted" } }) { eventType } }\n';
const TWO = "query Scan { scan(id: 1) { ...F } }\nquery Viewer { viewer { role } }\nfragment F on Scan { id }\n";

const app = testApp({
  TRUSTED_DOCUMENTS: folder("good", {
    "sign-in.graphql": SIGN_IN,
    "viewer.graphql": VIEWER,
    "follow.graphql": FOLLOW,
    "below/two.graphql": TWO,
    "README.md": "{ scans { totalCount } }",
  }),
  INTROSPECTION: "true",
  LANDING_PAGE: "true",
  TRUSTED_PROXIES: "1",
});

const refusals = async () =>
  (await app.sql`select event_status, ip_address, user_id::int, metadata - 'requestId' as metadata from security_events
    where event_type = 'authz_fail' order by id`) as unknown as object[];

async function send(body: object, headers: Record<string, string> = {}) {
  const response = await fetch(`${app.url}/graphql`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  const { data, errors } = (await response.json()) as Json;
  return { status: response.status, data, errors };
}
const byHash = (text: string) => ({ extensions: { persistedQuery: { version: 1, sha256Hash: hash("sha256", text) } } });

it("subscriptions are documents like others", async () => {
  const live = openLive(app.url, (await app.as("security")).token);
  const before = await refusals();
  const other = live.follow(FOLLOW.replace("trusted", "other"));
  expect(await other.refused()).toEqual(["FORBIDDEN"]);
  expect((await refusals()).slice(before.length)).toMatchObject([
    { metadata: { code: "FORBIDDEN", field: "document", permission: "trusted-documents" } },
  ]);
  const following = live.follow(FOLLOW);
  await vi.waitFor(async () => {
    await app.sql`insert into security_events (event_type, event_status) values ('trusted', 'SUCCESS')`;
    expect(following.rows()[0]).toEqual({ eventType: "trusted" });
  }, SOON);
  live.dispose();
});

it("runs what the folder holds, by text and by hash, each operation of a file", async () => {
  const { token } = await app.as("viewer");
  const authorization = `Bearer ${token}`;
  for (const sent of [{ query: VIEWER }, byHash(VIEWER), { query: VIEWER, ...byHash(VIEWER) }]) {
    expect((await send(sent, { authorization })).data).toEqual({ viewer: { role: "VIEWER" } });
  }
  for (const sent of [{ query: TWO }, byHash(TWO)]) {
    expect((await send({ ...sent, operationName: "Scan" }, { authorization })).data).toEqual({ scan: { id: "1" } });
    expect((await send({ ...sent, operationName: "Viewer" }, { authorization })).data).toEqual({
      viewer: { role: "VIEWER" },
    });
  }
});

it("does not know other hashes, also of what has been sent", async () => {
  for (const text of ["{ scans { totalCount } }", VIEWER.trim()]) {
    await send({ query: text });
    const { status, errors } = await send(byHash(text));
    expect([status, errors[0].extensions.code]).toEqual([200, "PERSISTED_QUERY_NOT_FOUND"]);
  }
});

it("refuses other texts whoever sends them, and records it once in a window of each caller", async () => {
  const admin = await app.as("admin");
  const [user] = await app.sql`select id::int from users where email = 'admin@demo.example'`;
  const before = (await refusals()).length;
  const fresh = async () => (await refusals()).slice(before);
  const TEXTS = [VIEWER.trim(), "{ __schema { types { name } } }", "{ viewer {", "mutation { signOut { signedOut } }"];
  const refuse = async (headers: Record<string, string>) => {
    for (const query of TEXTS) {
      for (const sent of [{ query }, { query, ...byHash(query) }]) {
        const { status, data, errors } = await send(sent, headers);
        expect([status, data, errors[0].extensions]).toEqual([
          403,
          undefined,
          { code: "FORBIDDEN", permission: "trusted-documents", requestId: expect.any(String) },
        ]);
      }
    }
  };
  const signedIn = { authorization: `Bearer ${admin.token}` };
  await refuse(signedIn);
  const metadata = { code: "FORBIDDEN", field: "document", permission: "trusted-documents" };
  const own = { event_status: "FAILURE", ip_address: "127.0.0.1", user_id: user?.id, metadata };
  expect(await fresh()).toEqual([own]);
  const address = (ip: string) => ({ "x-forwarded-for": ip });
  const anonymous = (ip: string) => ({ ...own, ip_address: ip, user_id: null });
  // Of IPv6, whoever has one address has the whole network.
  for (const ip of ["192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2:3"]) await refuse(address(ip));
  const all = [own, anonymous("192.0.2.1"), anonymous("192.0.2.2"), anonymous("2001:db8::1")];
  expect(await fresh()).toEqual(all);
  app.clock.aheadMs += 15 * 60_000 - 30_000;
  await refuse(address("192.0.2.1"));
  expect(await fresh()).toEqual(all);
  app.clock.aheadMs += 31_000;
  await refuse(address("192.0.2.1"));
  await refuse(address("192.0.2.1"));
  expect(await fresh()).toEqual([...all, anonymous("192.0.2.1")]);
});

it("shows neither the schema nor a page", async () => {
  const page = await fetch(`${app.url}/graphql`, {
    headers: { accept: "text/html", "apollo-require-preflight": "1" },
  });
  expect([page.status, page.headers.get("content-type")]).toEqual([406, "application/json; charset=utf-8"]);
});

it.each([
  ["missing", () => join(ROOT, "none"), /^TRUSTED_DOCUMENTS: .*none cannot be read\.$/],
  ["without documents", () => folder("empty", { "a.txt": VIEWER }), /empty holds no file \*\.graphql\.$/],
  [
    "with one that does not parse",
    () => folder("torn", { "a.graphql": VIEWER, "b.graphql": "{ viewer {" }),
    /b\.graphql is no document that can run\.$/,
  ],
  [
    "with one that is not valid",
    () => folder("unknown", { "below/c.graphql": "{ nothing }" }),
    /c\.graphql is no document that can run\.$/,
  ],
  [
    "with one that reads the schema",
    () => folder("schema", { "d.graphql": "{ __schema { types { name } } }" }),
    /d\.graphql is no document that can run\.$/,
  ],
  [
    "with one that asks for too much",
    () => folder("much", { "f.graphql": `{ ${"viewer { role } ".repeat(21)}}` }),
    /f\.graphql is no document that can run\.$/,
  ],
  [
    "with one that is too long",
    () => folder("long", { "g.graphql": `${VIEWER} # ${"x".repeat(65_536)}` }),
    /g\.graphql is no document that can run\.$/,
  ],
  [
    "with one that is not UTF-8",
    () => folder("bytes", { "e.graphql": Buffer.from(`${VIEWER}# \xff`, "latin1") }),
    /e\.graphql is no document that can run\.$/,
  ],
])("does not start with a folder %s", async (_, make, message) => {
  const given = { DATABASE_URL: "postgres://unused", DATA_DIR: app.folder, DEMO: "false" };
  const config = readConfig({ ...given, TRUSTED_DOCUMENTS: make() });
  const [row] = await app.sql`select current_database() as database`;
  const connection = { ...inject("connection"), database: row?.database };
  const ports = {
    log: createLog("silent"),
    clock: { now: () => new Date() },
    connection,
    providers: [],
    version: { version: "0.0.0", commit: null },
  };
  await expect(createApp(config, ports)).rejects.toThrow(message);
});
