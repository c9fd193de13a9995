/** The statements that seal secrets anew. */
import { and, asc, eq, gt, notLike } from "drizzle-orm";
import type { SealedColumn } from "../../../auth/sealed-column.js";
import type { Db } from "../../../db/client.js";

interface SealedRow {
  readonly id: string;
  readonly sealed: string;
}

/** @param prefix how texts begin that need not be sealed anew @param after the id of the last row of the page before */
export const listSealedOtherwise = (
  db: Db,
  { id, column }: SealedColumn,
  prefix: string,
  after: string | undefined,
  limit: number,
): Promise<SealedRow[]> =>
  db
    .select({ id, sealed: column })
    .from(column.table)
    .where(and(notLike(column, `${prefix}%`), after === undefined ? undefined : gt(id, after)))
    .orderBy(asc(id))
    .limit(limit) as unknown as Promise<SealedRow[]>;

/** @returns whether the row still held what was sealed before */
export async function replaceSealed(
  db: Db,
  { id, column }: SealedColumn,
  { id: row, sealed }: SealedRow,
  anew: string,
): Promise<boolean> {
  const replaced = await db
    .update(column.table)
    .set({ [column.name]: anew })
    .where(and(eq(id, row), eq(column, sealed)))
    .returning({ id });
  return replaced.length > 0;
}
