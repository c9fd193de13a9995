/** The form of a node id, which names one row among those of all types: the base64url text of its type and its key. */
import { sql } from "drizzle-orm";
import { badUserInput } from "../../errors.js";
import { isId } from "../../values/id.js";
import type { TypeDeclaration } from "../declaration.js";
import { type Json, quotedJson } from "./json.js";
import type { VisibilitySource } from "./visibility.js";

/** The field of a type that holds the node ids of its rows. `id` is the key, which is unique only within the type. */
export const NODE_ID_FIELD = "nodeId";

/** The interface of the types that have the field. */
export const NODE_INTERFACE = "Node";

/** What a node id says. The type is undefined where Postern knows none of that name: such a row does not exist. */
export interface NodeKey {
  readonly type: TypeDeclaration | undefined;
  readonly id: string;
}

export const nodeIdOf = ({ name }: TypeDeclaration, id: string): string =>
  Buffer.from(`${name}:${id}`).toString("base64url");

/**
 * @returns the JSON of a row's node id: `U2Nhbjo3`, of `Scan:7`, for the scan 7
 *
 * Names of types, digits and the colon never make one of the two characters in which base64 and base64url differ, and encode() breaks
 * lines only after 76 characters.
 */
export const writtenNodeId = ({ type, column }: VisibilitySource): Json =>
  quotedJson(
    sql`rtrim(encode(convert_to(${sql.raw(`'${type.name}:'`)} || ${column(type.fields.id.column)}, 'UTF8'), 'base64'), '=')`,
  );

const FORM = /^([A-Za-z]\w*):(\d+)$/;

/**
 * @param field names the argument in the error
 * @throws BAD_USER_INPUT for a text that no field `nodeId` answers
 */
export function nodeKeyOf(nodeId: string, types: ReadonlyMap<string, TypeDeclaration>, field: string): NodeKey {
  const bytes = Buffer.from(nodeId, "base64url");
  const [, name = "", id] = FORM.exec(bytes.toString("latin1")) ?? [];
  // Buffer skips what is no base64url. Only one text is the node id of a row.
  if (isId(id) && bytes.toString("base64url") === nodeId) return { type: types.get(name), id };
  throw badUserInput(
    field,
    isId(nodeId)
      ? `This is an \`id\`, which is unique only within its type. Give the ${NODE_ID_FIELD} of the object.`
      : `This is no ${NODE_ID_FIELD}. Give what the field ${NODE_ID_FIELD} of an object answers, without a change.`,
  );
}
