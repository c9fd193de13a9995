/** Create, update and delete as every plain type has them: checked, within the actor's reach, audited in the same transaction. */
import { type Actor, accessOf } from "../../auth/actor.js";
import type { Db } from "../../db/client.js";
import { deleteRow, findVersion, insertRows, updateRow, type Values } from "../../db/rows.js";
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

/**
 * An actor of one organization may refer to nothing outside it; such a row must look like one that does not exist.
 * Staff reach every row, and for them the foreign key tells. No statement where the reference is the organization itself.
 * @throws NOT_FOUND
 */
export async function requireReferences(db: Db, type: TypeDeclaration, actor: Actor, values: Values): Promise<void> {
  const access = accessOf(actor);
  if (access.organizationId === null) return;
  for (const [name, relation] of Object.entries(type.relations)) {
    if (relation.kind !== "one") continue;
    const id = values[propertyOf(relation.column)];
    if (typeof id !== "string") continue;
    const target = relation.to();
    const isOrganization = target.scope.kind === "organization" && target.scope.column === target.fields.id.column;
    const found = isOrganization ? id === access.organizationId : (await findVersion(db, target, access, id)) !== null;
    if (!found) throw notFound(name);
  }
}

export function createRowService({ db, audit }: RowsDeps, writes: WriteTypes): RowService {
  const { type } = writes;
  return {
    create(call, input) {
      const values = present(checked(writes.create, input));
      return db.transaction(async (db) => {
        await requireReferences(db, type, call.actor, values);
        const [id] = await insertRows(db, type, [values]);
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
