/** Finds the text of a request's document: it is sent, or named by its hash. Where trusted documents are configured, only they may run. */
import { hash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type GraphQLSchema, Kind, NoSchemaIntrospectionCustomRule, parse, specifiedRules, validate } from "graphql";
import type { Cache } from "../cache.js";
import { badUserInput, forbidden, persistedQueryNotFound } from "../errors.js";
import type { RequestLimits } from "../limits.js";
import type { RequestContext } from "./context.js";
import type { GraphqlRequest } from "./graphql-request.js";
import { measure } from "./measure.js";

/** The trusted documents by their SHA-256. */
type TrustedDocuments = ReadonlyMap<string, string>;

const sha256 = (text: string) => hash("sha256", text);

/** Finds the text of a document that clients may name by its hash. */
type FindQueryText = (hash: string) => string | undefined;

/** @throws BAD_USER_INPUT where the hash is another document's, PERSISTED_QUERY_NOT_FOUND */
function textOf({ query, hash }: Pick<GraphqlRequest, "query" | "hash">, find: FindQueryText): string {
  if (query === undefined) {
    const text = find(hash as string);
    if (text === undefined) throw persistedQueryNotFound();
    return text;
  }
  if (hash !== undefined && find(hash) !== query && sha256(query) !== hash) {
    throw badUserInput("extensions.persistedQuery.sha256Hash", "This is not the SHA-256 of the document.");
  }
  return query;
}

/** Loads the files `*.graphql` of a folder and of the folders in it. @throws Error, for people to read, where a file cannot be used */
export async function loadTrustedDocuments(
  folder: string,
  schema: GraphQLSchema,
  { limits, introspection }: { readonly limits: RequestLimits; readonly introspection: boolean },
): Promise<TrustedDocuments> {
  const documents = new Map<string, string>();
  const rules = introspection ? specifiedRules : [...specifiedRules, NoSchemaIntrospectionCustomRule];
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch((error: Error) => {
    throw new Error(`TRUSTED_DOCUMENTS: ${folder} cannot be read.`, { cause: error });
  });
  for (const entry of entries) {
    if (entry.isDirectory() || !entry.name.endsWith(".graphql")) continue;
    const file = join(entry.parentPath, entry.name);
    try {
      const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(await readFile(file));
      if (Buffer.byteLength(text) > limits.documentBytes) throw new Error("It is too long.");
      const document = parse(text, { maxTokens: limits.tokens });
      const [fault] = validate(schema, document, rules);
      if (fault) throw fault;
      const operations = document.definitions.filter((node) => node.kind === Kind.OPERATION_DEFINITION);
      for (const operation of operations) measure(schema, document, operation, limits);
      documents.set(sha256(text), text);
    } catch (error) {
      throw new Error(`TRUSTED_DOCUMENTS: ${file} is no document that can run.`, { cause: error });
    }
  }
  if (documents.size === 0) throw new Error(`TRUSTED_DOCUMENTS: ${folder} holds no file *.graphql.`);
  return documents;
}

/** A caller whose documents are refused leaves one security event in this time, which begins with its first refusal. */
const WINDOW_MS = 15 * 60_000;
const WINDOW_WEIGHT = 200;

export interface PersistedQueries {
  /** @throws PERSISTED_QUERY_NOT_FOUND, BAD_USER_INPUT, FORBIDDEN */
  textOf(request: Pick<GraphqlRequest, "query" | "hash">, context: RequestContext): string;
}

/** @returns persisted queries of any document that has passed the doors */
export const persistedQueries = (find: FindQueryText): PersistedQueries => ({
  textOf: (request) => textOf(request, find),
});

/** @returns persisted queries of trusted documents; no other document may run */
export function trustedQueries(
  documents: TrustedDocuments,
  { cache, clock }: { readonly cache: Cache; readonly clock: { now(): Date } },
): PersistedQueries {
  const texts = new Set(documents.values());
  /** The begin of a caller's window in milliseconds, by holder. */
  const windows = cache.region<number>();

  return {
    textOf(request, context) {
      const text = textOf(request, (hash) => documents.get(hash));
      if (texts.has(text)) return text;
      const now = clock.now().getTime();
      const { holder } = context;
      const begunAt = windows.get(holder);
      const permission = "trusted-documents";
      if (begunAt === undefined || now - begunAt >= WINDOW_MS) {
        windows.set(holder, holder, now, WINDOW_WEIGHT);
        context.refuse({ code: "FORBIDDEN", field: "document", permission });
      }
      throw forbidden(permission, "Only documents that this server knows run here: ask for yours to be added.");
    },
  };
}
