/** Column shapes that every table shares. */
import { bigint, integer, timestamp } from "drizzle-orm/pg-core";

/** The identity key: bigint in PostgreSQL, decimal text everywhere else, so that no digit is lost. */
export const id = () => bigint({ mode: "bigint" }).primaryKey().generatedByDefaultAsIdentity();

/** A reference to another table's key. */
export const reference = () => bigint({ mode: "bigint" });

/** A moment, microseconds kept. Strings, because a JavaScript Date would drop the microseconds. */
export const moment = () => timestamp({ withTimezone: true, mode: "string" });

/** The columns of rows that clients may change. `version` counts the changes, for optimistic locking. */
export const revision = () => ({
  version: integer().notNull().default(1),
  updatedAt: moment().notNull().defaultNow(),
});
