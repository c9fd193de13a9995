/** The table of lockouts. Failed sign-ins are counted beside the users, so that they change no version. */
import { integer, pgTable } from "drizzle-orm/pg-core";
import { moment, reference } from "../../../db/columns.js";
import { users } from "./users.table.js";

/** What is counted for an account, as lockout.ts counts it. An account without a row has had no failure. */
export const lockouts = pgTable("lockouts", {
  userId: reference()
    .primaryKey()
    .references(() => users.id, { onDelete: "cascade" }),
  failures: integer().notNull().default(0),
  windowBeganAt: moment(),
  locksInARow: integer().notNull().default(0),
  lockedUntil: moment(),
});
