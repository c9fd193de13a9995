/** What a browser gets at /graphql, and the files of the explorer's page. */
import { type IncomingMessage, request } from "node:http";
import { buffer } from "node:stream/consumers";
import { brotliDecompressSync } from "node:zlib";
import { beforeAll, expect, it } from "vitest";
import { testApp } from "../support/app.js";
import { ensureBuilt } from "../support/postern.js";

beforeAll(ensureBuilt);

const explorer = testApp({ LANDING_PAGE: "true" });
const sandbox = testApp({ LANDING_PAGE: "sandbox" });
const without = testApp({ LANDING_PAGE: "false" });

/** What Chromium sends for a page. */
const BROWSER = { accept: "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8" };
const page = (url: string, search = "") => fetch(`${url}/graphql${search}`, { headers: BROWSER });

it("is the explorer: a page of this origin alone, in which no text becomes code", async () => {
  const response = await page(explorer.url);
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toBe("text/html; charset=utf-8");
  const policy = response.headers.get("content-security-policy")?.split("; ");
  expect(policy).toEqual(
    expect.arrayContaining([
      "default-src 'none'",
      "script-src 'self'",
      "worker-src 'self'",
      "style-src 'self' 'unsafe-inline'",
      "connect-src 'self'",
    ]),
  );
  expect(policy?.join("; ")).not.toMatch(/eval|https?:|\*|script-src[^;]*unsafe/);
  const html = await response.text();
  expect(html).not.toMatch(/https?:\/\/(?!www\.w3\.org\/2000\/svg)/);
  expect(html.match(/(src|href)="\.\/explorer\/[\w.-]+"/g)?.length).toBeGreaterThan(1);
});

it("is Apollo Sandbox where that is asked for", async () => {
  const response = await page(sandbox.url);
  expect([response.status, response.headers.get("content-type")]).toEqual([200, "text/html"]);
  expect(await response.text()).toContain("embeddable-sandbox.cdn.apollographql.com");
  expect((await fetch(`${sandbox.url}/explorer/index.js`)).status).toBe(404);
});

it("is nothing where that is switched off", async () => {
  const response = await page(without.url);
  expect(response.status).toBe(400);
  expect(response.headers.get("content-type")).toContain("json");
  expect((await fetch(`${without.url}/explorer/index.js`)).status).toBe(404);
});

it.each([
  ["the explorer", explorer],
  ["Apollo Sandbox", sandbox],
])("runs no operation that comes with a request for %s", async (_, app) => {
  app.statements.length = 0;
  const response = await page(app.url, `?query=${encodeURIComponent("{ scans { totalCount } }")}`);
  expect(response.headers.get("content-type")).toContain("text/html");
  expect(app.statements.filter((text) => text.includes("scans"))).toEqual([]);
  const answer = await app.anonymous.run("{ scans { totalCount } }");
  expect(answer.code).toBe("UNAUTHENTICATED");
});

/** Asks the explorer's Postern for a path as it is, which `fetch` would shorten, and gives what is sent, which it would decompress. */
const asSent = (path: string, headers: Record<string, string> = {}): Promise<IncomingMessage> => {
  const { hostname, port } = new URL(explorer.url);
  return new Promise((resolve, reject) =>
    request({ hostname, port, path, headers }, resolve).on("error", reject).end(),
  );
};

/** The addresses of the files that the page names. */
const named = async (): Promise<string[]> =>
  [...(await (await page(explorer.url)).text()).matchAll(/"\.(\/explorer\/[^"]+)"/g)].map(([, path]) => path as string);

it("sends the files of the page for good, compressed, and to HEAD their headers", async () => {
  const paths = await named();
  expect(paths.map((path) => /\.\w+$/.exec(path)?.[0])).toEqual(expect.arrayContaining([".js", ".css"]));
  for (const path of paths) {
    const plain = await fetch(`${explorer.url}${path}`, { headers: { "accept-encoding": "identity" } });
    expect(plain.status).toBe(200);
    const text = await plain.text();
    const head = await fetch(`${explorer.url}${path}`, { method: "HEAD", headers: { "accept-encoding": "identity" } });
    for (const { headers } of [plain, head]) {
      expect(Object.fromEntries(headers)).toMatchObject({
        "cache-control": "public, max-age=31536000, immutable",
        "content-length": String(Buffer.byteLength(text)),
        "content-security-policy": "default-src 'none'; script-src 'self'; frame-ancestors 'none'",
        "content-type": path.endsWith(".js") ? "text/javascript; charset=utf-8" : "text/css; charset=utf-8",
        "x-content-type-options": "nosniff",
      });
    }
    expect(await head.text()).toBe("");
    if (text.length < 2000) continue;
    const compressed = await asSent(path, { "accept-encoding": "br" });
    expect(compressed.headers["content-encoding"]).toBe("br");
    const small = await buffer(compressed);
    expect(small.length).toBeLessThan(text.length / 2);
    expect(brotliDecompressSync(small).toString()).toBe(text);
  }
});

it.each([
  "/explorer/",
  "/explorer/manifest.json",
  "/explorer/index.html",
  "/explorer/../manifest.json",
  "/explorer/%2e%2e/manifest.json",
  "/explorer/..%2fmanifest.json",
  "/explorer/....//manifest.json",
  "/explorer/nothing.js",
  "/explorer/constructor",
  "/manifest.json",
])("has no file %s", async (path) => {
  const response = await asSent(path);
  response.resume();
  expect(response.statusCode).toBe(404);
});

it("lets nobody change a file", async () => {
  const [path] = await named();
  const response = await fetch(`${explorer.url}${path}`, { method: "POST", body: "x" });
  expect([response.status, response.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
});
