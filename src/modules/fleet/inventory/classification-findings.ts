/** Finds what people should look at in how an instance is classified: disputes, silence, and tags that say nothing. */
import type { Finding } from "../../../providers/provider.js";
import { type Classification, type ClassifierSubject, classifierTagsOf } from "./classifier.js";
import type { EnvironmentRules } from "./environment-rules.js";

/** The kinds that only the classifier finds. */
export type ClassificationFindingKind =
  | "environment_conflict"
  | "environment_undecided"
  | "environment_tag_unknown"
  | "environment_of_cluster";

type ClassificationFinding = Finding & { readonly kind: ClassificationFindingKind };

const MAX_SUBJECT = 255;

function conflictOf({ conflict, environment, evidence }: Classification): ClassificationFinding[] {
  if (!conflict) return [];
  const said = evidence.filter(({ method, environment }) => method !== "DEFAULT" && environment !== null);
  const details = said.map(({ detail }) => detail).join(" ");
  const detail = `It counts as ${environment}, although not all agree. ${details} Correct what is wrong, or have an administrator settle the conflict with setEnvironmentMapping.`;
  return [
    {
      kind: "environment_conflict",
      severity: environment === "PRODUCTION" ? "CRITICAL" : "WARNING",
      subject: null,
      detail,
    },
  ];
}

const UNDECIDED: ClassificationFinding = {
  kind: "environment_undecided",
  severity: "WARNING",
  subject: null,
  detail:
    "Only the default says what it is for, so it counts as PRODUCTION. Give it a tag such as Environment, or map it with setEnvironmentMapping.",
};

function unknownTagsOf(
  subject: Pick<ClassifierSubject, "tags" | "cluster">,
  rules: EnvironmentRules,
): ClassificationFinding[] {
  const read = classifierTagsOf(subject, rules);
  // Where another tag says it, this one may mean something else, such as a region.
  const severity = read.some(({ environments }) => environments.length > 0) ? "INFO" : "WARNING";
  return read
    .filter(({ environments }) => environments.length === 0)
    .map(({ key, value, cluster }) => ({
      kind: "environment_tag_unknown",
      severity,
      subject: (cluster === null ? key : `${key} of ${cluster}`).slice(0, MAX_SUBJECT),
      detail: `The tag ${JSON.stringify(key)} = ${JSON.stringify(value)} names no environment, and is ignored. Correct it, or add its word with setEnvironmentRules.`,
    }));
}

/**
 * @param own the classification by the instance's own facts and its cluster's tags
 * @param counting the classification that counts, among its siblings
 */
export function classificationFindings(
  subject: Pick<ClassifierSubject, "tags" | "cluster">,
  own: Classification,
  counting: Classification,
  rules: EnvironmentRules,
): ClassificationFinding[] {
  const decisive = counting.evidence.find(({ method }) => method === counting.decidedBy);
  const ofCluster: ClassificationFinding[] =
    counting.environment === own.environment
      ? []
      : [
          {
            kind: "environment_of_cluster",
            severity: "WARNING",
            subject: subject.cluster?.identifier.slice(0, MAX_SUBJECT) ?? null,
            detail: `By itself it would be ${own.environment}. ${decisive?.detail ?? ""} Give the members of a cluster one environment.`,
          },
        ];
  return [
    ...conflictOf(own),
    ...(own.decidedBy === "DEFAULT" ? [UNDECIDED] : []),
    ...unknownTagsOf(subject, rules),
    ...ofCluster,
  ];
}
