/** The statement of findings: what is open of each instance is what its provider says. */
import { and, eq, isNull, sql } from "drizzle-orm";
import type { Db } from "../../../db/client.js";
import type { Finding } from "../../../providers/provider.js";
import { findings, instances } from "./inventory.table.js";

/** What Postern finds by itself: providers tell nothing of it. */
const OWN = "backup_missed";

/**
 * Opens what is new, keeps what is told again, and resolves what is not told any more, of these instances and of those that have vanished. Under the
 * lock of the classification, so that two looks do not cross.
 */
export async function updateFindings(
  db: Db,
  told: readonly { id: bigint; findings: readonly Finding[] }[],
): Promise<void> {
  const ids = told.map(({ id }) => String(id));
  const seen = told.flatMap(({ id, findings }) => findings.map((finding) => ({ ...finding, id: String(id) })));
  await db.execute(
    sql`with seen as (
            select distinct on (id, kind, coalesce(subject, '')) *
            from jsonb_to_recordset(${JSON.stringify(seen)}::jsonb)
              as told (id bigint, kind text, severity alert_severity, subject text, detail text)
          ), resolved as (
            update ${findings} as f set resolved_at = now()
            where f.resolved_at is null
              and (f.instance_id = any (array(select jsonb_array_elements_text(${JSON.stringify(ids)}::jsonb)::bigint))
                or exists (select from ${instances} i where i.id = f.instance_id and i.vanished_at is not null))
              and (f.kind <> ${OWN} or exists (select from ${instances} i where i.id = f.instance_id and i.vanished_at is not null))
              and not exists (
                select from seen where seen.id = f.instance_id and seen.kind = f.kind and seen.subject is not distinct from f.subject)
          )
          insert into ${findings} as f (instance_id, kind, severity, subject, detail)
          select id, kind, severity, subject, detail from seen
          on conflict (instance_id, kind, (coalesce(subject, ''))) where resolved_at is null
          do update set severity = excluded.severity, detail = excluded.detail
            where (f.severity, f.detail) is distinct from (excluded.severity, excluded.detail)`,
  );
}

/** Opens a finding of Postern's own in the place of an earlier one of its kind, unless it is open. @returns whether it was opened */
export async function openFinding(
  db: Db,
  instanceId: bigint,
  finding: Finding & { kind: typeof OWN },
): Promise<boolean> {
  const rows = await db
    .insert(findings)
    .values({ instanceId, ...finding })
    .onConflictDoNothing()
    .returning({ id: findings.id });
  const [opened] = rows;
  if (!opened) return false;
  await db
    .update(findings)
    .set({ resolvedAt: sql`now()` })
    .where(
      and(
        eq(findings.instanceId, instanceId),
        eq(findings.kind, finding.kind),
        isNull(findings.resolvedAt),
        sql`${findings.id} <> ${opened.id}`,
      ),
    );
  return true;
}

/** Resolves what Postern itself had found of an instance. */
export async function resolveFinding(db: Db, instanceId: bigint, kind: typeof OWN): Promise<void> {
  await db
    .update(findings)
    .set({ resolvedAt: sql`now()` })
    .where(and(eq(findings.instanceId, instanceId), eq(findings.kind, kind), isNull(findings.resolvedAt)));
}
