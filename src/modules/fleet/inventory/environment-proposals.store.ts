/** The statements of proposals, and of the administrators behind them. */
import { and, eq, gt, inArray, isNotNull, isNull, lte, notInArray, or, type SQL, sql } from "drizzle-orm";
import { auditLogs } from "../../../audit/audit.table.js";
import type { Db } from "../../../db/client.js";
import { users } from "../../identity/users/users.table.js";
import { environmentProposals } from "./environment-proposals.table.js";

export type StoredProposal = typeof environmentProposals.$inferSelect;
export type ProposalStatus = StoredProposal["status"];

/** @returns the id of the new proposal */
export async function insertProposal(db: Db, row: typeof environmentProposals.$inferInsert): Promise<bigint> {
  const rows = await db.insert(environmentProposals).values(row).returning({ id: environmentProposals.id });
  return rows[0]!.id;
}

/** Locks the proposal. @returns it, or null */
export async function findProposal(db: Db, id: bigint): Promise<StoredProposal | null> {
  const rows = await db.select().from(environmentProposals).where(eq(environmentProposals.id, id)).for("update");
  return rows[0] ?? null;
}

export async function updateProposal(
  db: Db,
  id: bigint,
  status: ProposalStatus,
  decision: { readonly decidedBy: object; readonly comment: string | null },
): Promise<void> {
  await db
    .update(environmentProposals)
    .set({ status, ...decision, decidedAt: sql`now()` })
    .where(eq(environmentProposals.id, id));
}

/** Ends proposals that wait. @returns their ids */
const endWaiting = async (db: Db, status: ProposalStatus, condition: SQL | undefined, decidedBy: object) => {
  const rows = await db
    .update(environmentProposals)
    .set({ status, decidedBy, decidedAt: sql`now()` })
    .where(and(eq(environmentProposals.status, "WAITING"), condition))
    .returning({ id: environmentProposals.id });
  return rows.map(({ id }) => id);
};

/** Ends those about the same subject: the mapping of an instance or an account, its tags, or the rules. */
export const supersedeProposals = (
  db: Db,
  { kind, instanceId, accountId }: Pick<StoredProposal, "kind" | "instanceId" | "accountId">,
  by: object,
): Promise<bigint[]> => {
  const condition = and(
    eq(environmentProposals.kind, kind),
    instanceId === null ? isNull(environmentProposals.instanceId) : eq(environmentProposals.instanceId, instanceId),
    accountId === null ? isNull(environmentProposals.accountId) : eq(environmentProposals.accountId, accountId),
  );
  return endWaiting(db, "SUPERSEDED", condition, by);
};

/** Ends those whose time is over. @returns their ids */
export const expireProposals = (db: Db, at: Date, by: object): Promise<bigint[]> =>
  endWaiting(db, "EXPIRED", lte(environmentProposals.expiresAt, at.toISOString()), by);

/** Keeps users from changing until the end of the transaction. @returns those of them who are administrators and not kept out */
export async function listProposalAdministrators(db: Db, ids: readonly string[]): Promise<string[]> {
  const rows = await db
    .select({ id: users.id, role: users.role, lockedAt: users.lockedAt, deactivatedAt: users.deactivatedAt })
    .from(users)
    .where(inArray(users.id, ids.map(BigInt)))
    .orderBy(users.id)
    .for("share");
  return rows
    .filter(({ role, lockedAt, deactivatedAt }) => role === "ADMIN" && lockedAt === null && deactivatedAt === null)
    .map(({ id }) => String(id));
}

/** What keeps somebody out gives nobody access. */
const WITHOUT_ACCESS = ["user.lock", "user.deactivate"];

/**
 * Follows the hands that have created or changed accounts since then, and the hands of those, to the end: each might sign in to what it
 * has made. It visits each account once, so there are no more steps than accounts.
 * @returns whether one person might be behind both users
 */
export async function shareHands(db: Db, [author, second]: readonly [string, string], since: Date): Promise<boolean> {
  const [row] = await db.execute<{ shared: boolean }>(sql`
    with recursive hands (of_user, account) as (
      values (${author}::text, ${author}::text), (${second}::text, ${second}::text)
      union
      select hands.of_user, ${auditLogs.userId}::text
      from hands join ${auditLogs} on ${and(
        eq(auditLogs.resourceType, "user"),
        or(
          sql`${auditLogs.resourceId} = hands.account`,
          // A change of many names them in its result.
          and(isNull(auditLogs.resourceId), sql`${auditLogs.result} -> 'ids' ? hands.account`),
        ),
        eq(auditLogs.success, true),
        gt(auditLogs.timestamp, since.toISOString()),
        notInArray(auditLogs.action, WITHOUT_ACCESS),
        isNotNull(auditLogs.userId),
      )}
    )
    select exists (select from hands group by account having count(*) > 1) as shared`);
  return row?.shared !== false;
}
