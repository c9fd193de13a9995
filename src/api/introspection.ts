/** Answers about the schema: long to make and always the same, so each is made once, and not too many in a second. */
import { setTimeout as wait } from "node:timers/promises";
import { type DocumentNode, Kind, type OperationDefinitionNode, type SelectionSetNode } from "graphql";
import { type Cache, textWeight } from "../cache.js";
import type { KeptBody } from "./compression.js";

/** Nothing else runs while an answer is made: then others have at least so many times as long. */
const REST = 2;
const MIN_REST_MS = 20;
/** What else an operation waits for is none of this. */
const MAX_MADE_MS = 100;
/** Whoever had to wait longer is refused. */
const MAX_WAIT_MS = 10_000;

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
  let nextAtMs = 0;

  return {
    about(operation: OperationDefinitionNode, document: DocumentNode): AboutSchema {
      let about = known.get(operation);
      if (about === undefined) {
        const names = [...rootFields(operation, document)];
        if (operation.operation === "query" && names.every((name) => name.startsWith("__"))) about = "all";
        else about = names.some((name) => SCHEMA_FIELDS.has(name)) ? "part" : "none";
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
        for (const bytes of encoded.values()) weight += bytes.length;
        answers.set(holder, key, body, weight);
      };
      const body: KeptBody = { text, encoded, grown };
      grown();
    },

    /** Waits until a new answer may be made. @returns seconds to come back in, where too many wait already */
    async turn(): Promise<number | undefined> {
      const now = Date.now();
      const waitMs = nextAtMs - now;
      if (waitMs > MAX_WAIT_MS) return Math.ceil(waitMs / 1000);
      nextAtMs = Math.max(now, nextAtMs) + MIN_REST_MS;
      if (waitMs > 0) await wait(waitMs);
    },

    /** Tells that a new answer has been made, in so many milliseconds. */
    made(tookMs: number): void {
      nextAtMs = Math.max(nextAtMs, Date.now()) + REST * Math.min(tookMs, MAX_MADE_MS);
    },
  };
}
