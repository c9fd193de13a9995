/** Answers about the schema: long to make and always the same, so each is made once, and not too many in a second. */
import { setTimeout as wait } from "node:timers/promises";
import { type DocumentNode, Kind, type OperationDefinitionNode, type SelectionSetNode } from "graphql";
import { type Cache, textWeight } from "../cache.js";
import type { KeptBody } from "../http/compression.js";

/** Nothing else runs while an answer is made: then others have at least so many times as long. */
const REST = 2;
const MIN_REST_MS = 20;
/** Whoever had to wait longer is refused, and whoever has so many waiting. */
const MAX_WAIT_MS = 10_000;
const MAX_WAITING = 3;

const SCHEMA_FIELDS = new Set(["__schema", "__type"]);

/** What an operation asks for at its root, wherever it may stand. */
function rootFields(operation: OperationDefinitionNode, document: DocumentNode): Set<string> {
  const names = new Set<string>();
  const visited = new Set<string>();
  const visit = (set: SelectionSetNode | undefined): void => {
    for (const node of set?.selections ?? []) {
      if (node.kind === Kind.FIELD) names.add(node.name.value);
      else if (node.kind === Kind.INLINE_FRAGMENT) visit(node.selectionSet);
      else if (!visited.has(node.name.value)) {
        visited.add(node.name.value);
        for (const each of document.definitions) {
          if (each.kind === Kind.FRAGMENT_DEFINITION && each.name.value === node.name.value) visit(each.selectionSet);
        }
      }
    }
  };
  visit(operation.selectionSet);
  return names;
}

/** How much of an operation is about the schema. */
export type AboutSchema = "all" | "part" | "none";

export function createIntrospection(cache: Cache) {
  const answers = cache.region<KeptBody>();
  const known = new WeakMap<OperationDefinitionNode, AboutSchema>();
  /** By key, the answers that somebody makes. */
  const making = new Map<string, PromiseWithResolvers<void>>();
  /** By holder, how many wait. */
  const waiting = new Map<string, number>();
  let nextAtMs = 0;

  return {
    about(operation: OperationDefinitionNode, document: DocumentNode): AboutSchema {
      let about = known.get(operation);
      if (about === undefined) {
        const names = [...rootFields(operation, document)];
        // The name of the root type alone takes no time.
        if (!names.some((name) => SCHEMA_FIELDS.has(name))) about = "none";
        else about = names.every((name) => name.startsWith("__")) ? "all" : "part";
        known.set(operation, about);
      }
      return about;
    },

    /** @param key of the document, its operation and its variables */
    find: (key: string): KeptBody | undefined => answers.get(key),

    /** @param holder in whose name it is kept */
    keep(holder: string, key: string, text: string): void {
      const ownWeight = textWeight(text) + textWeight(key);
      const encoded: KeptBody["encoded"] = new Map();
      const grown = () => {
        let weight = ownWeight;
        for (const bytes of encoded.values()) if (Buffer.isBuffer(bytes)) weight += bytes.length;
        answers.set(holder, key, body, weight);
      };
      const body: KeptBody = { text, encoded, grown };
      grown();
    },

    /**
     * Waits until a new answer may be made, or until somebody else has made this one.
     * @param key of an answer that is kept @returns seconds to come back in, where too many of the holder's wait already
     */
    async turn(holder: string, key: string | undefined): Promise<number | undefined> {
      const underWay = key === undefined ? undefined : making.get(key);
      if (underWay) {
        await Promise.race([underWay.promise, wait(MAX_WAIT_MS, undefined, { ref: false })]);
        return undefined;
      }
      const now = Date.now();
      const waitMs = nextAtMs - now;
      const mine = waiting.get(holder) ?? 0;
      if (waitMs > MAX_WAIT_MS || mine >= MAX_WAITING) return Math.max(1, Math.ceil(waitMs / 1000));
      nextAtMs = Math.max(now, nextAtMs) + MIN_REST_MS;
      if (key !== undefined) making.set(key, Promise.withResolvers());
      if (waitMs <= 0) return undefined;
      waiting.set(holder, mine + 1);
      await wait(waitMs);
      const left = (waiting.get(holder) ?? 1) - 1;
      if (left > 0) waiting.set(holder, left);
      else waiting.delete(holder);
      return undefined;
    },

    /** Tells that a new answer has been made, which kept this process busy for so many milliseconds. */
    made(key: string | undefined, busyMs: number): void {
      nextAtMs = Math.max(nextAtMs, Date.now()) + REST * busyMs;
      if (key === undefined) return;
      making.get(key)?.resolve();
      making.delete(key);
    },
  };
}
