/** What can be done with the rows of every type that clients write: checked, within the actor's reach, audited in the same statement. */

import type { Call } from "../../audit/call.js";
import type { AuditService } from "../../audit/index.js";
import { accessOf } from "../../auth/actor.js";
import type { Db } from "../../db/client.js";
import { wasLost } from "../../db/postgres-errors.js";
import { AppError, badUserInput, conflict, internal, limitExceeded, notFound, outcomeUnknown } from "../../errors.js";
import { checked } from "../../values/checked.js";
import type { Returning } from "../read/writing.js";
import type { RowInputs } from "../types/row-inputs.js";
import type { RowService } from "../types/row-mutations.js";
import { countReached, findByKey } from "./find-rows.js";
import { findMade, keyOf } from "./idempotency.service.js";
import {
  type Change,
  type Changed,
  changeMatching,
  changeRow,
  findMatching,
  type IdempotencyKey,
  insertRows,
  MAX_ROWS,
  type PathOf,
  plain,
  type RowValues,
} from "./rows.js";

export interface RowsDeps {
  readonly db: Db;
  readonly audit: AuditService;
  readonly limits: Change["limits"];
  /** Keys what is kept of the input of calls with an idempotency key: it holds passwords. */
  readonly fingerprintKey: string;
  readonly statements: Change["statements"];
}

/**
 * In the transaction of a change, before it: locks and judges the rows with these ids. `changes` is null where they are deleted.
 * @returns what is to be done once it is committed
 */
export type Guard = (db: Db, ids: readonly string[], changes: RowValues | null) => Promise<() => void>;

/** What the rows of a type need beside what all types do. */
export interface RowRules {
  /** Turns what was given for rows into what is stored, all or none. `creating`: they do not exist yet. */
  prepare?(rows: readonly RowValues[], pathOf: PathOf, creating: boolean): Promise<RowValues[]>;
  /** Whether the actor may change this very row so. @throws FORBIDDEN */
  mayUpdate?(call: Call, id: string, changes: RowValues): void;
  /** What must be judged with these changes; undefined where nothing, so that one statement does. */
  guard?(changes: RowValues | null): Guard | undefined;
}

/** Leaves out what is absent, so that defaults and present values stay. */
const present = (values: RowValues): RowValues =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));

/** @throws BAD_USER_INPUT where an update names nothing to change */
function requireChange(values: RowValues, field: string): RowValues {
  const changes = present(values);
  if (Object.keys(changes).length === 0) throw badUserInput(field, "Give at least one field to change.");
  return changes;
}

/** @throws LIMIT_EXCEEDED before a long list is looked at */
function requireAtMost(max: number, field: string, given: unknown): void {
  if (typeof given === "number" && given > max) {
    throw limitExceeded(field, `At most ${max} rows can be done at once. Do them in parts.`);
  }
}

/** Of two who write one key at once, one is quicker: the other looks again. */
const UPSERT_ATTEMPTS = 3;

export function createRowService(deps: RowsDeps, inputs: RowInputs, rules: RowRules = {}): RowService {
  const { db, audit, limits, fingerprintKey, statements } = deps;
  const { type } = inputs;
  const prepare = rules.prepare ?? (async (rows: readonly RowValues[]) => [...rows]);

  const changeOf = (
    call: Call,
    outcome?: { resourceId?: string | undefined; result?: unknown },
    returning?: Returning,
  ): Change => ({
    type,
    access: accessOf(call.actor),
    limits,
    statements,
    audit: audit.entry(call, outcome),
    returning,
  });

  /** What the call with this key made, if it was the same one; undefined where the key has gone meanwhile. */
  async function replayed(call: Call, key: IdempotencyKey, resourceId?: string): Promise<string[] | undefined> {
    const ids = await findMade(db, key);
    if (!ids) return undefined;
    if ((await countReached(db, type, accessOf(call.actor), ids)) < ids.length) {
      throw notFound("row any more: it was made with this idempotency key and deleted since");
    }
    const one = resourceId ?? (ids.length === 1 ? ids[0] : undefined);
    await audit.record(db, call, { resourceId: one, result: { replayed: true, ids } }).catch((error) => {
      // What is sent alone commits alone.
      throw wasLost(error) ? outcomeUnknown(error) : error;
    });
    return ids;
  }

  /** @param parent the id that all rows refer to, which the record is about */
  async function insert(
    call: Call,
    rows: readonly RowValues[],
    pathOf: PathOf,
    { many, key, parent }: { many: boolean; key: IdempotencyKey | undefined; parent?: string | undefined },
    returning?: Returning,
  ): Promise<Changed> {
    const values = await prepare(rows.map(present), pathOf, true);
    for (;;) {
      const change = changeOf(call, { resourceId: parent }, returning);
      const made = await insertRows(db, change, values, { pathOf, many, key });
      if (made) return made;
      const ids = key && (await replayed(call, key, parent));
      if (ids) return { ids };
      if (!key) throw internal(new Error(`the statement inserted no ${type.name}`));
    }
  }

  /** Does a change in one statement, or in a transaction with what must be judged before it. */
  async function judged(
    changes: RowValues | null,
    idsOf: (db: Db) => Promise<readonly string[]>,
    change: (db: Db) => Promise<Changed>,
  ): Promise<Changed> {
    const guard = rules.guard?.(changes);
    if (!guard) return change(db);
    let after = () => {};
    const changed = await db.transaction(async (db) => {
      const ids = await idsOf(db);
      after = await guard(db, ids, changes);
      const changed = await change(db);
      if (`${changed.ids}` === `${ids}`) return changed;
      throw conflict("Other rows match now than a moment ago. Nothing has changed: try again.");
    });
    after();
    return changed;
  }

  const changeOne = (
    call: Call,
    id: string,
    version: number | null | undefined,
    changes: RowValues | null,
    { result, returning }: { result?: object; returning?: Returning | undefined } = {},
  ) =>
    judged(
      changes,
      async () => [id],
      (db) => changeRow(db, changeOf(call, { result }, returning), { id, version }, changes),
    );

  /** Where the changes of rows that match a filter stand. */
  const among: PathOf = (_index, name) => `changes.${name}`;
  function changeMany(call: Call, matching: { filter: unknown; expectedCount: number }, changes: RowValues | null) {
    return judged(
      changes,
      (db) => findMatching(db, changeOf(call), matching),
      (db) => changeMatching(db, changeOf(call), matching, changes, among),
    );
  }

  const storedChanges = async (changes: RowValues, pathOf: PathOf): Promise<RowValues> =>
    (await prepare([changes], pathOf, false))[0] ?? {};

  return {
    async create(call, input, returning) {
      const { idempotencyKey, ...values } = checked(inputs.create, input);
      const key = keyOf(fingerprintKey, call, input, idempotencyKey);
      const { ids, json } = await insert(call, [values], plain, { many: false, key }, returning);
      return { id: ids[0] as string, json };
    },

    async createMany(call, input) {
      requireAtMost(inputs.maxItems, "items", (input as { items: readonly unknown[] }).items.length);
      const { idempotencyKey, items, ...beside } = checked(inputs.createMany, input);
      const parent = inputs.parent && (beside as Record<string, string>)[`${inputs.parent}Id`];
      const pathOf: PathOf = (index, name) => (name in beside ? name : `items.${index}.${name}`);
      const rows = items.map((item) => ({ ...item, ...beside }));
      const key = keyOf(fingerprintKey, call, input, idempotencyKey);
      const { ids } = await insert(call, rows, pathOf, { many: true, key, parent });
      return { ids, parent };
    },

    async update(call, input, returning) {
      const { id, version, ...rest } = checked(inputs.update, input);
      const changes = requireChange(rest, "input");
      rules.mayUpdate?.(call, id, changes);
      const { json } = await changeOne(call, id, version, await storedChanges(changes, plain), { returning });
      return { id, json };
    },

    async updateMany(call, input) {
      requireAtMost(MAX_ROWS, "expectedCount", (input as { expectedCount: unknown }).expectedCount);
      const { changes, ...matching } = checked(inputs.updateMany, input);
      const { ids } = await changeMany(call, matching, await storedChanges(requireChange(changes, "changes"), among));
      return ids;
    },

    async delete(call, input) {
      const { id, version } = checked(inputs.delete, input);
      await changeOne(call, id, version, null);
      return id;
    },

    async deleteMany(call, input) {
      requireAtMost(MAX_ROWS, "expectedCount", (input as { expectedCount: unknown }).expectedCount);
      const { ids } = await changeMany(call, checked(inputs.deleteMany, input), null);
      return ids;
    },

    async upsert(call, input, returning) {
      const values = present(checked(inputs.upsert, input));
      const { [type.uniqueKey as string]: key, ...rest } = values;
      for (let attempt = 1; ; attempt++) {
        const found = await findByKey(db, type, accessOf(call.actor), String(key));
        try {
          if (found !== null) {
            const changes = await storedChanges(rest, plain);
            const result = { created: false };
            const { json } = await changeOne(call, found, undefined, changes, { result, returning });
            return { id: found, json, created: false };
          }
          const [row] = await prepare([values], plain, true);
          const change = changeOf(call, { result: { created: true } }, returning);
          const { ids, json } = (await insertRows(db, change, [row as RowValues], {
            pathOf: plain,
            many: false,
          })) as Changed;
          return { id: ids[0] as string, json, created: true };
        } catch (error) {
          const quicker =
            error instanceof AppError &&
            // Missing what the values refer to is no race: that error names the field.
            (found === null ? error.code === "CONFLICT" : error.code === "NOT_FOUND" && !error.extensions.field);
          if (!quicker || attempt === UPSERT_ATTEMPTS) throw error;
        }
      }
    },
  };
}
