/** A unit is one field to read, with all that its selection asks for. A plan answers several of them with one statement. */
import type { FieldNode } from "graphql";
import type { TypeDeclaration } from "../declaration.js";
import type { QueryVariables } from "./query-value.js";

/**
 * What a field answers:
 * - `row`: the visible row whose id is the argument `id`
 * - `connection`: the visible rows
 * - `returned`: the visible row whose id a mutation returned
 * - `returnedList`: the visible rows whose ids a mutation returned, in their order
 * - `changed`: the visible rows among these ids that the argument `filter` matches, with null in place of the others
 * - `own`: the actor's own row, which it may always read
 * - `node`: the visible row that a node id names, whatever its type
 * - `nodes`: the same of several, in their order
 */
export type UnitTarget =
  | {
      readonly kind: "row" | "connection" | "returned" | "returnedList" | "changed" | "own";
      readonly type: TypeDeclaration;
    }
  | {
      readonly kind: "node" | "nodes";
      /** The types that the node ids of the request name, each once. */
      readonly types: readonly TypeDeclaration[];
    };

export interface Unit {
  /** The path of the field in the response, such as `createScan.scan`. */
  readonly key: string;
  readonly target: UnitTarget;
  /** The ids or node keys of its rows, where the request gives them. Those of a payload are known only after its mutation. */
  readonly value?: unknown;
  readonly nodes: readonly FieldNode[];
}

/** Tells what a root field answers. @throws BAD_USER_INPUT, LIMIT_EXCEEDED for arguments on which that depends */
export type UnitTargetOf = (node: FieldNode, variables: QueryVariables) => Pick<Unit, "target" | "value">;
