/** The statements of findings. The open findings of an instance are those that its provider reports, and Postern's own. */
import { and, eq, inArray, isNull, sql } from "drizzle-orm";
import type { Db } from "../../../db/client.js";
import type { Finding } from "../../../providers/provider.js";
import type { ClassificationFindingKind } from "./classification-findings.js";
import { findings, instances } from "./inventory.table.js";

/** The kind that Postern's schedule of backups finds. */
const OWN = "backup_missed";

/** The kinds that the classifier finds. */
const CLASSIFIER_KINDS: readonly ClassificationFindingKind[] = [
  "environment_conflict",
  "environment_undecided",
  "environment_tag_unknown",
  "environment_of_cluster",
];

/**
 * Opens new findings of these instances, updates those that are reported again, and resolves the others of the same source, as well as
 * all those of vanished instances. The caller holds the lock of the classification, so that two refreshes cannot interfere.
 */
export async function updateFindings(
  db: Db,
  source: "provider" | "classifier",
  reported: readonly { id: bigint; findings: readonly Finding[] }[],
): Promise<void> {
  const ids = reported.map(({ id }) => String(id));
  const seen = reported.flatMap(({ id, findings }) => findings.map((finding) => ({ ...finding, id: String(id) })));
  const isOfClassifier = inArray(sql`f.kind`, CLASSIFIER_KINDS);
  const isOfSource = source === "classifier" ? isOfClassifier : sql`(f.kind <> ${OWN} and not ${isOfClassifier})`;
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
              and (${isOfSource} or exists (select from ${instances} i where i.id = f.instance_id and i.vanished_at is not null))
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

/** Opens a finding of Postern's own, which replaces an earlier one of its kind. @returns false where it was open already */
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

/** Resolves the finding that Postern itself has opened. */
export async function resolveFinding(db: Db, instanceId: bigint, kind: typeof OWN): Promise<void> {
  await db
    .update(findings)
    .set({ resolvedAt: sql`now()` })
    .where(and(eq(findings.instanceId, instanceId), eq(findings.kind, kind), isNull(findings.resolvedAt)));
}
