/** Keeps answers about the schema. They take long to make and never change, so each is made once, and not too many in a second. */
import { setTimeout as wait } from "node:timers/promises";
import { type DocumentNode, Kind, type OperationDefinitionNode, type SelectionSetNode } from "graphql";
import { type Cache, cacheWeightOfText } from "../cache.js";
import type { CompressibleBody } from "../http/compression.js";

/** Nothing else runs while an answer is made. Afterwards others have so many times as long before the next is made. */
const REST_FACTOR = 2;
const MIN_REST_MS = 20;
/** A request that would wait longer is refused. */
const MAX_WAIT_MS = 10_000;
/** A holder that has so many requests waiting is refused another. */
const MAX_WAITING = 3;

const SCHEMA_FIELDS = new Set(["__schema", "__type"]);

/** @returns the names of an operation's root fields, also of those in fragments */
function rootFields(operation: OperationDefinitionNode, document: DocumentNode): Set<string> {
  const names = new Set<string>();
  const visited = new Set<string>();
  const visit = (set: SelectionSetNode | undefined): void => {
    for (const node of set?.selections ?? []) {
      if (node.kind === Kind.FIELD) names.add(node.name.value);
      else if (node.kind === Kind.INLINE_FRAGMENT) visit(node.selectionSet);
      else if (!visited.has(node.name.value)) {
        visited.add(node.name.value);
        for (const definition of document.definitions) {
          if (definition.kind !== Kind.FRAGMENT_DEFINITION || definition.name.value !== node.name.value) continue;
          visit(definition.selectionSet);
        }
      }
    }
  };
  visit(operation.selectionSet);
  return names;
}

/** How much of an operation is about the schema. */
type AboutSchema = "all" | "part" | "none";

/** Makes the store of answers about the schema. */
export function createIntrospection(cache: Cache) {
  const answers = cache.region<CompressibleBody>();
  const aboutOf = new WeakMap<OperationDefinitionNode, AboutSchema>();
  /** The answers that are being made, by key. */
  const making = new Map<string, PromiseWithResolvers<void>>();
  /** The number of waiting requests, by holder. */
  const waiting = new Map<string, number>();
  let nextAtMs = 0;

  return {
    about(operation: OperationDefinitionNode, document: DocumentNode): AboutSchema {
      let about = aboutOf.get(operation);
      if (about === undefined) {
        const names = [...rootFields(operation, document)];
        // `__typename` alone takes no time.
        if (!names.some((name) => SCHEMA_FIELDS.has(name))) about = "none";
        else about = names.every((name) => name.startsWith("__")) ? "all" : "part";
        aboutOf.set(operation, about);
      }
      return about;
    },

    /** Finds a kept answer. @param key the document, its operation and its variables */
    find: (key: string): CompressibleBody | undefined => answers.get(key),

    /** Keeps an answer. @param holder the caller to whom the cache counts it */
    keep(holder: string, key: string, text: string): void {
      const ownWeight = cacheWeightOfText(text) + cacheWeightOfText(key);
      const encoded: CompressibleBody["encoded"] = new Map();
      const grown = () => {
        let weight = ownWeight;
        for (const bytes of encoded.values()) if (Buffer.isBuffer(bytes)) weight += bytes.length;
        answers.set(holder, key, body, weight);
      };
      const body: CompressibleBody = { text, encoded, grown };
      grown();
    },

    /**
     * Waits until a new answer may be made, or until another request has made this one.
     * @param key the key under which the answer will be kept
     * @returns the seconds after which the client may come back, where it would wait too long or too many requests of its holder wait
     */
    async awaitTurn(holder: string, key: string | undefined): Promise<number | undefined> {
      const underWay = key === undefined ? undefined : making.get(key);
      if (underWay) {
        await Promise.race([underWay.promise, wait(MAX_WAIT_MS, undefined, { ref: false })]);
        return undefined;
      }
      const now = Date.now();
      const waitMs = nextAtMs - now;
      const holderWaiting = waiting.get(holder) ?? 0;
      if (waitMs > MAX_WAIT_MS || holderWaiting >= MAX_WAITING) return Math.max(1, Math.ceil(waitMs / 1000));
      nextAtMs = Math.max(now, nextAtMs) + MIN_REST_MS;
      if (key !== undefined) making.set(key, Promise.withResolvers());
      if (waitMs <= 0) return undefined;
      waiting.set(holder, holderWaiting + 1);
      await wait(waitMs);
      const remaining = (waiting.get(holder) ?? 1) - 1;
      if (remaining > 0) waiting.set(holder, remaining);
      else waiting.delete(holder);
      return undefined;
    },

    /** Ends the making of an answer. @param busyMs how long it kept this process busy */
    finish(key: string | undefined, busyMs: number): void {
      nextAtMs = Math.max(nextAtMs, Date.now()) + REST_FACTOR * busyMs;
      if (key === undefined) return;
      making.get(key)?.resolve();
      making.delete(key);
    },
  };
}
