/** The repetitions of an operation: what was requested again of it, and again of those. */
import { type SQL, sql } from "drizzle-orm";

/** @param id of an operation, within a statement @returns a table `repetition` of its repetitions, with those of each of them */
export const repetitionsOf = (id: SQL): SQL => sql`(
  with recursive repeated as (
    select o.id, o.status, o.settled_at, o.settlement from operations o where o.retry_of = ${id}
    union all
    select o.id, o.status, o.settled_at, o.settlement from operations o join repeated on o.retry_of = repeated.id
  ) select * from repeated) repetition`;

/** Whether a repetition has not come to its end. */
export const isOpen = sql`(repetition.status in ('PENDING_APPROVAL', 'SCHEDULED', 'QUEUED', 'RUNNING')
  or (repetition.status = 'TIMED_OUT' and repetition.settled_at is null))`;

/** Whether a repetition has done what was asked. */
export const hasSucceeded = sql`(repetition.status = 'SUCCEEDED' or repetition.settlement ->> 'status' = 'SUCCEEDED')`;
