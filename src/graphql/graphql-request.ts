/** Reads the GraphQL request in an HTTP request. It refuses what is none before anything is looked up or run. */
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { MIMEType } from "node:util";
import Negotiator from "negotiator";
import { badUserInput, limitExceeded, requestTooLateError, unusableRequestError } from "../errors.js";
import type { RequestLimits } from "../limits.js";
import { parseLongNumbers } from "./long-numbers.js";
import { requireFewVariables } from "./variables.js";

/** The media types of answers; the first is the usual one. */
export const REQUEST_ANSWER_TYPES = [
  "application/json; charset=utf-8",
  "application/graphql-response+json; charset=utf-8",
] as const;
export type RequestAnswerType = (typeof REQUEST_ANSWER_TYPES)[number];

export interface GraphqlRequest {
  readonly method: "GET" | "POST";
  /** The text of the document; absent where `hash` stands for it. */
  readonly query: string | undefined;
  readonly operationName: string | null;
  readonly variables: Readonly<Record<string, unknown>>;
  /** The SHA-256 of a persisted query, as the client gives it. */
  readonly hash: string | undefined;
  readonly answerType: RequestAnswerType;
  /** The parameters of a GET request, as they were sent. */
  readonly search: URLSearchParams | undefined;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The headers of most clients, which need no parser. */
const USUAL_TYPES: ReadonlySet<string | undefined> = new Set(["application/json", "application/json; charset=utf-8"]);
const USUAL_ACCEPTS: ReadonlySet<string | undefined> = new Set([undefined, "*/*", "application/json"]);

/** The types that a page of another site can have a browser send without asking us. With one of the headers below it must ask. */
const FORM_TYPES = new Set(["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"]);
const PREFLIGHT_HEADERS = ["apollo-require-preflight", "x-apollo-operation-name"] as const;
/** Those of a query by GET: clients that prefer GET send it with a token alone. Postern takes no credentials that a browser adds by itself. */
export const PREFLIGHT_HEADERS_OF_GET = [...PREFLIGHT_HEADERS, "authorization"] as const;

function mediaTypeOf(header: string | undefined): MIMEType | undefined {
  if (header === undefined) return undefined;
  try {
    return new MIMEType(header);
  } catch {
    return undefined;
  }
}

function isUtf8(charset: string): boolean {
  try {
    return new TextDecoder(charset).encoding === "utf-8";
  } catch {
    return false;
  }
}

/** @throws BAD_USER_INPUT for a request that a page of another site may have sent, and for a body that is not JSON in UTF-8 */
function requireJson(method: string, headers: IncomingHttpHeaders): void {
  const contentType = headers["content-type"];
  if (USUAL_TYPES.has(contentType)) return;
  const type = mediaTypeOf(contentType);
  const couldBeForm = contentType === undefined || (type !== undefined && FORM_TYPES.has(type.essence));
  const askedFor = method === "GET" ? PREFLIGHT_HEADERS_OF_GET : PREFLIGHT_HEADERS;
  if (couldBeForm && !askedFor.some((name) => headers[name])) {
    const reason = "so that no page of another site can send this (CSRF).";
    const first = PREFLIGHT_HEADERS[0];
    if (method === "GET") throw badUserInput(first, `Send a header \`${first}\` or \`authorization\`, ${reason}`);
    throw badUserInput(
      "content-type",
      `Send \`content-type: application/json\`. Send a header \`${first}\`, ${reason}`,
    );
  }
  if (contentType === undefined && method === "GET") return;
  if (!type || !/^application\/([\w.+-]+\+)?json$/.test(type.essence)) {
    throw unusableRequestError(415, "content-type", "Send JSON, with `content-type: application/json`.");
  }
  const charset = type.params.get("charset");
  if (charset !== null && !isUtf8(charset)) throw unusableRequestError(415, "content-type", "Send JSON in UTF-8.");
}

/** @returns the type that the client prefers @throws BAD_USER_INPUT where it accepts none of ours */
export function requestAnswerTypeOf(accept: string | undefined): RequestAnswerType {
  if (USUAL_ACCEPTS.has(accept)) return REQUEST_ANSWER_TYPES[0];
  const wanted = new Negotiator({ headers: { accept } }).mediaType(REQUEST_ANSWER_TYPES);
  if (!wanted)
    throw unusableRequestError(406, "accept", "Accept `application/json` or `application/graphql-response+json`.");
  return wanted as RequestAnswerType;
}

/** @returns whether a browser asks for a page */
export const requestWantsPage = ({ method, headers }: IncomingMessage): boolean =>
  method === "GET" &&
  headers.accept !== undefined &&
  new Negotiator({ headers }).mediaType([...REQUEST_ANSWER_TYPES, "text/html"]) === "text/html";

/** Reads the whole body. @throws LIMIT_EXCEEDED as soon as it is known to be too large */
function readBody(request: IncomingMessage, limit: number): Promise<Buffer> {
  const tooLarge = () => limitExceeded("body", `Send at most ${limit} bytes.`);
  return new Promise((resolve, reject) => {
    // It went while its credentials were looked at, and has said so to nobody.
    if (request.destroyed) return reject(requestTooLateError());
    if (Number(request.headers["content-length"]) > limit) return reject(tooLarge());
    const chunks: Buffer[] = [];
    let size = 0;
    request.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size > limit) reject(tooLarge());
      else chunks.push(chunk);
    });
    request.on("end", () => resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)));
    request.on("error", reject);
  });
}

/** The decoder skips a byte order mark, as RFC 8259 allows. */
const utf8 = new TextDecoder("utf-8", { fatal: true });

function parseBody(bytes: Buffer, limits: RequestLimits): Record<string, unknown> {
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    throw badUserInput("body", "Send text in UTF-8: these bytes are none.");
  }
  requireFewVariables(text, limits);
  let body: unknown;
  try {
    body = parseLongNumbers(text);
  } catch {
    // The error below explains it.
  }
  if (isRecord(body)) return body;
  const form = "a JSON object with `query` and, if needed, `variables` and `operationName`";
  throw badUserInput("body", `Send ${form}${Array.isArray(body) ? ", one at a time" : ""}.`);
}

const PARAMETERS = ["query", "operationName", "variables", "extensions"] as const;
/** The parameters whose values are JSON. */
const JSON_PARAMETERS: ReadonlySet<string> = new Set(["variables", "extensions"]);

/** @returns whether a text is UTF-8. URLSearchParams would replace other bytes by U+FFFD. */
function isUtf8Encoded(text: string): boolean {
  try {
    decodeURIComponent(text.replace(/%(?![0-9a-f]{2})/gi, "%25"));
    return !/[^\x20-\x7e]/.test(text);
  } catch {
    return false;
  }
}

function parametersOf(search: string): { body: Record<string, unknown>; parameters: URLSearchParams } {
  for (const part of search.slice(1).split("&")) {
    if (isUtf8Encoded(part)) continue;
    const name = part.split("=", 1)[0] ?? "";
    throw badUserInput(
      PARAMETERS.find((known) => known === name) ?? "query",
      "Encode text in UTF-8: these bytes are none.",
    );
  }
  const parameters = new URLSearchParams(search);
  const body = Object.fromEntries(
    PARAMETERS.flatMap((name) => {
      const [value, ...more] = parameters.getAll(name);
      if (more.length > 0) throw badUserInput(name, "Give this parameter once.");
      if (value === undefined || !JSON_PARAMETERS.has(name)) return [[name, value]];
      try {
        return [[name, JSON.parse(value)]];
      } catch {
        throw badUserInput(name, "Give a JSON object.");
      }
    }),
  );
  return { body, parameters };
}

/** @returns the hash of a persisted query, where the request names one */
function hashOf(extensions: Readonly<Record<string, unknown>> | null): string | undefined {
  const persisted = extensions?.persistedQuery ?? undefined;
  if (persisted === undefined) return undefined;
  const { version, sha256Hash } = isRecord(persisted) ? persisted : {};
  if (version !== 1) throw badUserInput("extensions.persistedQuery.version", "Persisted queries have the version 1.");
  if (typeof sha256Hash === "string") return sha256Hash;
  throw badUserInput(
    "extensions.persistedQuery.sha256Hash",
    "Give the SHA-256 of the document, in hexadecimal digits.",
  );
}

function optionalRecord(name: string, value: unknown): Record<string, unknown> | null {
  if (value === undefined || value === null) return null;
  if (!isRecord(value)) throw badUserInput(name, "Give a JSON object.");
  return value;
}

/** Reads a request. @throws BAD_USER_INPUT (also with the HTTP status 405, 406 or 415), LIMIT_EXCEEDED */
export async function readGraphqlRequest(
  request: IncomingMessage,
  search: string,
  limits: RequestLimits,
): Promise<GraphqlRequest> {
  const method = request.method === "GET" ? "GET" : "POST";
  requireJson(method, request.headers);
  const answerType = requestAnswerTypeOf(request.headers.accept);
  const { body, parameters } =
    method === "GET"
      ? parametersOf(search)
      : { body: parseBody(await readBody(request, limits.bodyBytes), limits), parameters: undefined };
  const { query = null, operationName = null } = body;
  const hash = hashOf(optionalRecord("extensions", body.extensions));
  if (query === null ? hash === undefined : typeof query !== "string" || query === "") {
    throw badUserInput("query", "Send the text of a GraphQL document.");
  }
  if (operationName !== null && typeof operationName !== "string") {
    throw badUserInput("operationName", "Give the name of an operation.");
  }
  return {
    method,
    query: (query as string | null) ?? undefined,
    operationName,
    variables: optionalRecord("variables", body.variables) ?? {},
    hash,
    answerType,
    search: parameters,
  };
}

/** @returns the request as Apollo takes it, with the text of its document */
export function apolloRequestOf({ method, operationName, variables, search }: GraphqlRequest, query: string) {
  if (!search) return { method, search: "", body: { query, operationName, variables } };
  const parameters = new URLSearchParams(search);
  parameters.set("query", query);
  parameters.delete("extensions");
  return { method, search: `?${parameters}`, body: undefined };
}
