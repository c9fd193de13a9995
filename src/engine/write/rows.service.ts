/** Creates, updates, upserts and deletes rows of every type that clients write, with their checks, idempotency keys and audit records. */

import type { Call } from "../../audit/call.js";
import type { AuditService } from "../../audit/index.js";
import { accessOfActor } from "../../auth/actor.js";
import type { Db } from "../../db/client.js";
import { isLostConnectionError } from "../../db/postgres-errors.js";
import { AppError, badUserInput, conflict, internal, limitExceeded, notFound, outcomeUnknown } from "../../errors.js";
import { checked } from "../../values/checked.js";
import type { WritingReturn } from "../read/writing.js";
import type { RowInputs } from "../types/row-inputs.js";
import type { RowMutationService } from "../types/row-mutations.js";
import { countReachedRows, findByKey } from "./find-rows.js";
import { findIdempotentIds, idempotencyKeyOf } from "./idempotency.service.js";
import { type IdempotencyKey } from "./idempotency.store.js";
import { MAX_STATEMENT_ROWS } from "./row-statements.js";
import {
  type ChangedRows,
  changeMatchingRows,
  changeRow,
  insertRows,
  listMatchingRows,
  type RowChange,
  type RowPathOf,
  type RowValues,
  rowPathByName,
} from "./rows.js";

export interface RowsDeps {
  readonly db: Db;
  readonly audit: AuditService;
  readonly limits: RowChange["limits"];
  /** The key of the fingerprints of inputs, which may hold passwords. */
  readonly fingerprintKey: string;
  readonly statements: RowChange["statements"];
}

/**
 * Locks and checks the rows with these ids, in the transaction of their change and before it.
 * @returns what is to run after the commit
 */
export type RowsGuard = (db: Db, ids: readonly string[]) => Promise<() => void>;

/** The rules that rows of one type have in addition. */
export interface RowRules {
  /** Turns the values of clients into those to store. `creating` tells whether the rows are new. */
  prepare?(rows: readonly RowValues[], pathOf: RowPathOf, creating: boolean): Promise<RowValues[]>;
  /** Refuses a change that the actor may not make to this row. @throws FORBIDDEN */
  mayUpdate?(call: Call, id: string, changes: RowValues): void;
  /**
   * Returns the guard of these changes, which are null for a deletion; undefined where they need none, so that one statement without a
   * transaction is enough. `given` is what the client sent, before `prepare`.
   */
  guard?(changes: RowValues | null, given: RowValues | null, pathOf: RowPathOf): RowsGuard | undefined;
}

/** Leaves out absent values, so that defaults apply to new rows, and old values stay. */
const present = (values: RowValues): RowValues =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));

/** @throws BAD_USER_INPUT where an update names nothing to change */
function requireChange(values: RowValues, field: string): RowValues {
  const changes = present(values);
  if (Object.keys(changes).length === 0) throw badUserInput(field, "Give at least one field to change.");
  return changes;
}

/** @throws LIMIT_EXCEEDED, before the schema checks a long list */
function requireAtMost(max: number, field: string, count: unknown): void {
  if (typeof count === "number" && count > max) {
    throw limitExceeded(field, `At most ${max} rows can be done at once. Do them in parts.`);
  }
}

/** Of two upserts of one key at once, the slower fails, and looks again. */
const UPSERT_ATTEMPTS = 3;

/** Makes the service of one type's rows. */
export function createRowService(deps: RowsDeps, inputs: RowInputs, rules: RowRules = {}): RowMutationService {
  const { db, audit, limits, fingerprintKey, statements } = deps;
  const { type } = inputs;
  const prepare = rules.prepare ?? (async (rows: readonly RowValues[]) => [...rows]);

  const changeOf = (
    call: Call,
    outcome?: { resourceId?: string | undefined; result?: unknown },
    returning?: WritingReturn,
  ): RowChange => ({
    type,
    access: accessOfActor(call.actor),
    limits,
    statements,
    audit: audit.entry(call, outcome),
    returning,
  });

  /** Returns the ids of the rows that the first call with this key made; undefined where the key has expired meanwhile. */
  async function replay(call: Call, key: IdempotencyKey, resourceId?: string): Promise<string[] | undefined> {
    const ids = await findIdempotentIds(db, key);
    if (!ids) return undefined;
    if ((await countReachedRows(db, type, accessOfActor(call.actor), ids)) < ids.length) {
      throw notFound("row any more: it was made with this idempotency key and deleted since");
    }
    const resource = resourceId ?? (ids.length === 1 ? ids[0] : undefined);
    await audit.record(db, call, { resourceId: resource, result: { replayed: true, ids } }).catch((error) => {
      // The statement commits by itself: where its answer is lost, it may have been done.
      throw isLostConnectionError(error) ? outcomeUnknown(error) : error;
    });
    return ids;
  }

  /** @param parent the id of the row to which all rows refer; it is the resource of the audit record */
  async function insert(
    call: Call,
    rows: readonly RowValues[],
    pathOf: RowPathOf,
    { many, key, parent }: { many: boolean; key: IdempotencyKey | undefined; parent?: string | undefined },
    returning?: WritingReturn,
  ): Promise<ChangedRows> {
    const values = await prepare(rows.map(present), pathOf, true);
    for (;;) {
      const change = changeOf(call, { resourceId: parent }, returning);
      const inserted = await insertRows(db, change, values, { pathOf, many, key });
      if (inserted) return inserted;
      const ids = key && (await replay(call, key, parent));
      if (ids) return { ids };
      if (!key) throw internal(new Error(`the statement inserted no ${type.name}`));
    }
  }

  /** Makes a change by one statement, or, where it has a guard, in a transaction after the guard. */
  async function runGuarded(
    given: RowValues | null,
    pathOf: RowPathOf,
    idsOf: (db: Db) => Promise<readonly string[]>,
    changeTo: (db: Db, changes: RowValues | null) => Promise<ChangedRows>,
  ): Promise<ChangedRows> {
    const changes = given && ((await prepare([given], pathOf, false))[0] ?? {});
    const change = (db: Db) => changeTo(db, changes);
    const guard = rules.guard?.(changes, given, pathOf);
    if (!guard) return change(db);
    let afterCommit = () => {};
    const changed = await db.transaction(async (db) => {
      const ids = await idsOf(db);
      afterCommit = await guard(db, ids);
      const changed = await change(db);
      if (`${changed.ids}` === `${ids}`) return changed;
      throw conflict("Other rows match now than a moment ago. Nothing has changed: try again.");
    });
    afterCommit();
    return changed;
  }

  const changeOne = (
    call: Call,
    id: string,
    version: number | null | undefined,
    given: RowValues | null,
    { result, returning }: { result?: object; returning?: WritingReturn | undefined } = {},
  ) =>
    runGuarded(
      given,
      rowPathByName,
      async () => [id],
      (db, changes) => changeRow(db, changeOf(call, { result }, returning), { id, version }, changes),
    );

  /** The path of the changes in the input of `updateMany`. */
  const pathInChanges: RowPathOf = (_index, name) => `changes.${name}`;
  function changeMany(call: Call, matching: { filter: unknown; expectedCount: number }, given: RowValues | null) {
    return runGuarded(
      given,
      pathInChanges,
      (db) => listMatchingRows(db, changeOf(call), matching),
      (db, changes) => changeMatchingRows(db, changeOf(call), matching, changes, pathInChanges),
    );
  }

  return {
    async create(call, input, returning) {
      const { idempotencyKey, ...values } = checked(inputs.create, input);
      const key = idempotencyKeyOf(fingerprintKey, call, input, idempotencyKey);
      const { ids, json } = await insert(call, [values], rowPathByName, { many: false, key }, returning);
      return { id: ids[0] as string, json };
    },

    async createMany(call, input) {
      requireAtMost(inputs.maxItems, "items", (input as { items: readonly unknown[] }).items.length);
      const { idempotencyKey, items, ...beside } = checked(inputs.createMany, input);
      const parent = inputs.parent && (beside as Record<string, string>)[`${inputs.parent}Id`];
      const pathOf: RowPathOf = (index, name) => (name in beside ? name : `items.${index}.${name}`);
      const rows = items.map((item) => ({ ...item, ...beside }));
      const key = idempotencyKeyOf(fingerprintKey, call, input, idempotencyKey);
      const { ids } = await insert(call, rows, pathOf, { many: true, key, parent });
      return { ids, parent };
    },

    async update(call, input, returning) {
      const { id, version, ...rest } = checked(inputs.update, input);
      const changes = requireChange(rest, "input");
      rules.mayUpdate?.(call, id, changes);
      const { json } = await changeOne(call, id, version, changes, { returning });
      return { id, json };
    },

    async updateMany(call, input) {
      requireAtMost(MAX_STATEMENT_ROWS, "expectedCount", (input as { expectedCount: unknown }).expectedCount);
      const { changes, ...matching } = checked(inputs.updateMany, input);
      return (await changeMany(call, matching, requireChange(changes, "changes"))).ids;
    },

    async delete(call, input) {
      const { id, version } = checked(inputs.delete, input);
      await changeOne(call, id, version, null);
      return id;
    },

    async deleteMany(call, input) {
      requireAtMost(MAX_STATEMENT_ROWS, "expectedCount", (input as { expectedCount: unknown }).expectedCount);
      const { ids } = await changeMany(call, checked(inputs.deleteMany, input), null);
      return ids;
    },

    async upsert(call, input, returning) {
      const values = present(checked(inputs.upsert, input));
      const { [type.uniqueKey as string]: key, ...rest } = values;
      for (let attempt = 1; ; attempt++) {
        const id = await findByKey(db, type, accessOfActor(call.actor), String(key));
        try {
          if (id !== null) {
            const result = { created: false };
            const { json } = await changeOne(call, id, undefined, rest, { result, returning });
            return { id, json, created: false };
          }
          const rows = await prepare([values], rowPathByName, true);
          const change = changeOf(call, { result: { created: true } }, returning);
          const asOne = { pathOf: rowPathByName, many: false };
          const { ids, json } = (await insertRows(db, change, rows, asOne)) as ChangedRows;
          return { id: ids[0] as string, json, created: true };
        } catch (error) {
          const hasLostRace =
            error instanceof AppError &&
            // A NOT_FOUND with a field is about a reference, and so no race.
            (id === null ? error.code === "CONFLICT" : error.code === "NOT_FOUND" && !error.extensions.field);
          if (!hasLostRace || attempt === UPSERT_ATTEMPTS) throw error;
        }
      }
    },
  };
}
