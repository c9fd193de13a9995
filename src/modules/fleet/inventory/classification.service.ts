/** Classifies stored instances by their facts, their clusters and the grounds; writes, records and reports what that changes. */
import { isDeepStrictEqual } from "node:util";
import type { AuditService } from "../../../audit/index.js";
import type { Db } from "../../../db/client.js";
import { type ClassifiedInstance, listMappings, updateClassifications } from "./classification.store.js";
import { classificationFindings } from "./classification-findings.js";
import type { Classification } from "./classifier.js";
import { classifyInCluster } from "./cluster-environment.js";
import { classifyByGrounds, type EnvironmentFacts, type EnvironmentGrounds } from "./environment-grounds.js";
import type { EnvironmentRules } from "./environment-rules.js";
import { findNewestEnvironmentRules } from "./environment-rules.store.js";
import { updateFindings } from "./findings.store.js";

/** An instance, and what it counts as from now on. */
export interface ClassificationChange {
  readonly before: ClassifiedInstance;
  readonly after: Classification;
}

/** The classification of an instance, and what it is without its siblings. */
export interface Assessment {
  readonly instance: ClassifiedInstance;
  readonly own: Classification;
  readonly counting: Classification;
}

export interface ClassificationDeps {
  readonly audit: Pick<AuditService, "record" | "recordFor">;
  /** The rules of the configuration, which count until somebody sets others. */
  readonly rules: EnvironmentRules;
}

export const classificationFactsOf = ({
  identifier,
  tags,
  accountId,
  cluster,
  restoredFromProduction,
}: Pick<ClassifiedInstance, "identifier" | "tags" | "accountId" | "cluster"> &
  Partial<Pick<ClassifiedInstance, "restoredFromProduction">>): EnvironmentFacts => ({
  identifier,
  accountId,
  tags: tags as EnvironmentFacts["tags"],
  cluster: cluster as EnvironmentFacts["cluster"],
  ...(restoredFromProduction && { restoredFromProduction }),
});

export const classificationDisputeOf = ({ classification }: Pick<ClassifiedInstance, "classification">) =>
  (classification as Classification).dispute;

const MAX_RECORDED = 500;

/** @returns the evidence as records keep it */
const recorded = ({ evidence }: Classification) =>
  (evidence ?? []).map(({ detail, ...entry }) => ({ ...entry, detail: detail.slice(0, MAX_RECORDED) }));

/** @returns what the members of a cluster share; null for an instance that stands alone */
export function clusterKeyOf({ provider, cluster }: ClassifiedInstance): string | null {
  const { arn } = (cluster ?? {}) as { arn?: string };
  return arn === undefined ? null : `${provider} ${arn}`;
}

/** @param instances with all their siblings */
function assess(instances: readonly ClassifiedInstance[], grounds: EnvironmentGrounds): Assessment[] {
  const alone = instances.map((instance) => ({
    instance,
    identifier: instance.identifier,
    classification: classifyByGrounds(classificationFactsOf(instance), instance.id, grounds),
  }));
  const clusters = Map.groupBy(alone, ({ instance }) => clusterKeyOf(instance));
  return alone.map((member) => {
    const { instance, classification: own } = member;
    const { cluster } = classificationFactsOf(instance);
    if (!cluster) return { instance, own, counting: own };
    // Members that are gone count only for those that are gone as well, whose snapshots hold the data of all.
    const siblings = (clusters.get(clusterKeyOf(instance)) ?? []).filter(
      (other) => other !== member && (instance.vanishedAt !== null || other.instance.vanishedAt === null),
    );
    return { instance, own, counting: classifyInCluster(own, cluster.identifier, siblings) };
  });
}

export type ClassificationService = ReturnType<typeof createClassification>;

/** Its verbs join the transaction of the caller, which holds the lock of the classification where it writes. */
export function createClassification({ audit, rules: configured }: ClassificationDeps) {
  /** The last rules that were read, so that their words are compiled once. */
  let known = configured;

  /** @returns the version in force, and who has set it: nobody where it is that of the configuration */
  async function findRules(db: Db) {
    const stored = await findNewestEnvironmentRules(db);
    if (!stored) return { version: 0, rules: configured, stored };
    // A version that is rolled back leaves its number to other rules, so only their content tells whether they are the same.
    if (!isDeepStrictEqual(known, stored.rules)) known = stored.rules as EnvironmentRules;
    return { version: stored.version, rules: known, stored };
  }

  const findGrounds = async (db: Db): Promise<EnvironmentGrounds> => ({
    rules: (await findRules(db)).rules,
    mappings: await listMappings(db),
  });

  /** Records environments that have changed. It is Postern that decides, whoever changed the grounds. */
  async function record(
    db: Db,
    changes: readonly ClassificationChange[],
    newcomers: ReadonlySet<bigint> | undefined,
    requestId: string | null,
  ): Promise<void> {
    for (const { before, after } of changes) {
      const { environment, decidedBy, dispute } = after;
      const from = newcomers?.has(before.id) ? null : before.environment;
      await audit.recordFor(db, {
        actor: { type: "system", name: "inventory" },
        action: "instance.changeEnvironment",
        resourceId: String(before.id),
        parameters: classificationFactsOf(before),
        result: {
          ...{ from, environment, decidedBy, dispute },
          evidence: { before: recorded(before.classification as Classification), after: recorded(after) },
        },
        success: true,
        durationSeconds: null,
        requestId,
      });
    }
  }

  return {
    configured,
    findRules,
    findGrounds,

    assess,

    /**
     * Writes what has changed, with a record of each environment and the findings of all. A run without a change writes no instance.
     * @param instances with all their siblings
     * @param newcomers the ids of those that were never classified before
     * @param grounds those that are stored now, where the caller knows them
     * @param requestId the request that changed the grounds, where one did
     * @returns those whose environment has changed
     */
    async reclassify(
      db: Db,
      instances: readonly ClassifiedInstance[],
      options: {
        readonly newcomers?: ReadonlySet<bigint>;
        readonly grounds?: EnvironmentGrounds;
        readonly requestId?: string;
      } = {},
    ): Promise<readonly ClassificationChange[]> {
      const { newcomers, requestId = null, grounds = await findGrounds(db) } = options;
      const assessments = assess(instances, grounds);
      const written = assessments
        .map(({ instance, counting }) => ({ before: instance, after: counting }))
        .filter(
          ({ before, after }) =>
            before.environment !== after.environment || !isDeepStrictEqual(before.classification, after),
        );
      await updateClassifications(db, written);
      const changed = written.filter(
        ({ before, after }) => before.environment !== after.environment && !newcomers?.has(before.id),
      );
      // Nobody has seen a newcomer yet that a mapping takes out of PRODUCTION.
      const mapped = written.filter(
        ({ before, after }) => newcomers?.has(before.id) && after.decidedBy === "ACCOUNT_MAPPING",
      );
      await record(db, [...changed, ...mapped], newcomers, requestId);
      const found = assessments.map(({ instance, own, counting }) => ({
        id: instance.id,
        findings:
          instance.vanishedAt === null
            ? classificationFindings(classificationFactsOf(instance), own, counting, grounds.rules)
            : [],
      }));
      await updateFindings(db, "classifier", found);
      return changed;
    },
  };
}
