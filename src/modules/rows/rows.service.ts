/** Create, update and delete as every plain type has them: checked, within the actor's reach, audited in the same transaction. */
import { type Access, accessOf } from "../../auth/actor.js";
import type { Db } from "../../db/client.js";
import { countReached, deleteRow, insertRows, updateRow, type Values } from "../../db/rows.js";
import { badUserInput, notFound } from "../../errors.js";
import { propertyOf, type TypeDeclaration } from "../../plan/declaration.js";
import { checked } from "../../wire/checked.js";
import type { RowService } from "../../wire/write-resolver.js";
import type { WriteTypes } from "../../wire/write-types.js";
import type { AuditService } from "../audit/index.js";

export interface RowsDeps {
  readonly db: Db;
  readonly audit: AuditService;
}

/** Leaves out what is absent, so that defaults and present values stay. */
export const present = (values: Values): Values =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));

/** Looked at before anything is written, so that nothing of another organization is even locked. @throws NOT_FOUND */
async function requireWithin(db: Db, type: TypeDeclaration, access: Access, rows: readonly Values[]): Promise<void> {
  const { scope, relations } = type;
  if (scope.kind === "organization") {
    const column = propertyOf(scope.column);
    if (rows.some((row) => row[column] !== access.organizationId)) throw notFound("organization");
    return;
  }
  const relation = scope.kind === "through" ? relations[scope.relation] : undefined;
  if (scope.kind !== "through" || relation?.kind !== "one") throw notFound(type.name);
  const column = propertyOf(relation.column);
  const targets = [...new Set(rows.map((row) => String(row[column])))];
  if ((await countReached(db, relation.to(), access, targets)) < targets.length) throw notFound(scope.relation);
}

/**
 * Inserts rows as far as the actor reaches. An actor of one organization hangs nothing on a row outside it; such a row must
 * look like one that does not exist. Staff reach every row, and for them the foreign key tells.
 * @returns the ids, in the order of the rows
 * @throws NOT_FOUND, CONFLICT
 */
export async function insertReachable(
  db: Db,
  type: TypeDeclaration,
  access: Access,
  rows: readonly Values[],
): Promise<string[]> {
  if (access.organizationId !== null) await requireWithin(db, type, access, rows);
  return insertRows(db, type, rows);
}

export function createRowService({ db, audit }: RowsDeps, writes: WriteTypes): RowService {
  const { type } = writes;
  return {
    create(call, input) {
      const values = present(checked(writes.create, input));
      return db.transaction(async (db) => {
        const [id] = await insertReachable(db, type, accessOf(call.actor), [values]);
        await audit.record(db, call, { resourceId: id });
        return id as string;
      });
    },

    update(call, input) {
      const { id, version, ...rest } = checked(writes.update, input);
      const changes = present(rest);
      requireChange(changes);
      return db.transaction(async (db) => {
        await updateRow(db, type, accessOf(call.actor), id, version, changes);
        await audit.record(db, call, { resourceId: id });
        return id;
      });
    },

    delete(call, input) {
      const { id, version } = checked(writes.delete, input);
      return db.transaction(async (db) => {
        await deleteRow(db, type, accessOf(call.actor), id, version);
        await audit.record(db, call, { resourceId: id });
        return id;
      });
    },
  };
}

/** @throws BAD_USER_INPUT where an update names nothing to change */
export function requireChange(changes: Values): void {
  if (Object.keys(changes).length === 0) throw badUserInput("input", "Give at least one field to change.");
}
