/** What a browser gets at /graphql: the explorer, as the build left it in dist, or the page of Apollo Sandbox. */
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { extname } from "node:path";
import type { Config } from "../config.js";
import type { Graphql } from "../graphql/graphql.js";
import type { GraphqlAnswer } from "../graphql/graphql-answer.js";

export interface LandingPage {
  readonly page: () => Promise<GraphqlAnswer>;
  /** The files of the page by path. Nothing else of the disk can be asked for. */
  readonly files: ReadonlyMap<string, () => Promise<GraphqlAnswer>>;
}

/** Both src and dist lie beside the bundle's folder. */
const BUNDLE = new URL("../../dist/explorer/page/", import.meta.url);

/** Scripts and workers are files of ours, and no text becomes code. Monaco sets styles, and its icons are data. */
const PAGE_POLICY = [
  "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self' 'unsafe-inline'; font-src data:",
  "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
].join("; ");

/** A worker obeys the policy of its own script, which loads others of ours. */
const FILE_POLICY = "default-src 'none'; script-src 'self'; frame-ancestors 'none'";

const TYPES: Readonly<Record<string, string>> = {
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
};

/** Reads a file once, and keeps it with its compressed bytes. @param headers what it is sent with */
function readOnce(path: string, headers: Readonly<Record<string, string>>): () => Promise<GraphqlAnswer> {
  let reading: Promise<GraphqlAnswer> | undefined;
  return () => {
    reading ??= readFile(new URL(path, BUNDLE), "utf8").then(
      (text) => ({ status: 200, headers, body: { text, encoded: new Map(), grown: () => undefined } }),
      (error) => {
        reading = undefined;
        throw error;
      },
    );
    return reading;
  };
}

/** @returns the paths of the page's files below the bundle's folder; undefined where nothing was built */
function filesOfBundle(): readonly string[] | undefined {
  try {
    const text = readFileSync(new URL("manifest.json", BUNDLE), "utf8");
    return (JSON.parse(text) as { files: readonly string[] }).files;
  } catch {
    return undefined;
  }
}

function explorer(): LandingPage {
  const files = filesOfBundle();
  const html = { "content-type": "text/html; charset=utf-8", "content-security-policy": PAGE_POLICY };
  if (!files) {
    const body = "The explorer is not built: run `npm run build`, and start Postern again.\n";
    const headers = { "content-type": "text/plain; charset=utf-8", "content-security-policy": FILE_POLICY };
    return { page: async () => ({ status: 503, headers, body }), files: new Map() };
  }
  const served = files.map((path) => {
    const headers = {
      "content-type": TYPES[extname(path)] ?? "application/octet-stream",
      "content-security-policy": FILE_POLICY,
      // Its name changes with what is in it.
      "cache-control": "public, max-age=31536000, immutable",
    };
    return [`/${path}`, readOnce(path, headers)] as const;
  });
  return { page: readOnce("index.html", html), files: new Map(served) };
}

/** @returns undefined where browsers get no page */
export function createLandingPage(
  landingPage: Config["landingPage"],
  { answerSandbox }: Pick<Graphql, "answerSandbox">,
): LandingPage | undefined {
  if (landingPage === "explorer") return explorer();
  return landingPage === "sandbox" ? { page: answerSandbox, files: new Map() } : undefined;
}
