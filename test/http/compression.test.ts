/** Answers of more than 1 KiB are compressed as the client asks, and nothing else is. */
import { request } from "node:http";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { expect, it } from "vitest";
import { testApp } from "../support/app.js";

const app = testApp({ CORS_ORIGINS: "https://app.example" });

const LARGE = "{ scans(first: 30) { nodes { id targetUrl scanType status createdAt } } }";
const SMALL = "{ viewer { role } }";
/** An error that quotes long names. */
const WRONG = `{ ${Array.from({ length: 15 }, (_, n) => `nothing${n}`).join(" ")} }`;

/** The bytes as they were sent: fetch would decompress them, and ask for it by itself. */
async function send(query: string, accepted?: string, headers: Record<string, string> = {}) {
  const { token } = await app.as("admin");
  const body = JSON.stringify({ query });
  return new Promise<{ status?: number; headers: NodeJS.Dict<string | string[]>; bytes: Buffer }>((resolve, reject) => {
    const sent = request(`${app.url}/graphql`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        authorization: `Bearer ${token}`,
        ...(accepted !== undefined && { "accept-encoding": accepted }),
        ...headers,
      },
    });
    sent.on("response", async (response) => {
      const bytes = Buffer.concat(await response.toArray());
      resolve({ status: response.statusCode!, headers: response.headers, bytes });
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

const PLAIN: Record<string, (bytes: Buffer) => Buffer> = { br: brotliDecompressSync, gzip: gunzipSync };
const plain = (bytes: Buffer, encoding: string) => (PLAIN[encoding]?.(bytes) ?? bytes).toString();

it.each([
  ["br", "br"],
  ["gzip", "gzip"],
  ["gzip, deflate, br", "br"],
  ["GZIP", "gzip"],
  ["br;q=0.5, gzip;q=0.8", "gzip"],
  ["br;q=0, *", "gzip"],
  ["*", "br"],
  ["gzip;q=0.5, identity;q=0.4", "gzip"],
  ["gzip;q=0.4, identity;q=0.5", undefined],
  ["identity", undefined],
  ["deflate, zstd", undefined],
  ["br;q=0, gzip;q=0", undefined],
  ["*;q=0", undefined],
  ["gzip;q=0.5;x", "gzip"],
  ["", undefined],
  [undefined, undefined],
])("accepting %s a large answer is sent as %s", async (accepted, encoding) => {
  // The second goes past Apollo.
  for (let n = 0; n < 2; n++) {
    const { status, headers, bytes } = await send(LARGE, accepted);
    const text = plain(bytes, encoding ?? "");
    expect([status, headers["content-encoding"], headers.vary]).toEqual([200, encoding, "accept-encoding"]);
    expect(headers["content-length"]).toBe(String(bytes.length));
    expect(JSON.parse(text).data.scans.nodes).toHaveLength(30);
    if (encoding) expect(bytes.length).toBeLessThan(text.length / 3);
  }
});

it.each([
  ["gzip, br", undefined],
  ["gzip, identity;q=0", "gzip"],
  ["identity;q=0", undefined],
])("accepting %s a small answer is sent as %s", async (accepted, encoding) => {
  const { headers, bytes } = await send(SMALL, accepted);
  expect(headers["content-encoding"]).toBe(encoding);
  expect(headers["content-length"]).toBe(String(bytes.length));
  expect(plain(bytes, encoding ?? "")).toBe('{"data":{"viewer":{"role":"ADMIN"}}}');
});

it("compresses errors too", async () => {
  const { status, headers, bytes } = await send(WRONG, "gzip");
  expect([status, headers["content-encoding"]]).toEqual([400, "gzip"]);
  expect(JSON.parse(gunzipSync(bytes).toString()).errors).toHaveLength(6);
});

it("varies by origin too, where browsers may call", async () => {
  const { headers } = await send(LARGE, "br", { origin: "https://app.example" });
  expect(headers.vary).toBe("Origin, accept-encoding");
});

it("a health check has the length of its body, with and without it", async () => {
  const [get, head] = [
    await fetch(`${app.url}/health/live`),
    await fetch(`${app.url}/health/live`, { method: "HEAD" }),
  ];
  expect(head.headers.get("content-length")).toBe(get.headers.get("content-length"));
  expect(await head.text()).toBe("");
});
