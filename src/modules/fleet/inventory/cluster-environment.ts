/** Decides the environment of a cluster's member: the strictest of its own and of its siblings', because what reaches one may reach all. */
import { isStricterEnvironment } from "../../../values/environments.js";
import type { Classification } from "./classifier.js";

/** A member of a cluster, classified by its own facts and by the cluster's tags. */
export interface ClusterEnvironmentMember {
  readonly identifier: string;
  readonly classification: Classification;
}

const strictestOf = (members: readonly ClusterEnvironmentMember[]): ClusterEnvironmentMember | undefined =>
  members.toSorted((a, b) => {
    const [first, second] = [a.classification.environment, b.classification.environment];
    if (first !== second) return isStricterEnvironment(first, second) ? -1 : 1;
    return a.identifier < b.identifier ? -1 : 1;
  })[0];

/**
 * The answer keeps the member's own conflict, which is settled at the member. Where a sibling decides, the evidence says which one and why.
 * @param cluster the identifier of the cluster
 */
export function classifyInCluster(
  own: Classification,
  cluster: string,
  siblings: readonly ClusterEnvironmentMember[],
): Classification {
  const strictest = strictestOf(siblings);
  if (!strictest || !isStricterEnvironment(strictest.classification.environment, own.environment)) return own;
  const { environment, decidedBy, evidence } = strictest.classification;
  const why = evidence.find(({ method }) => method === decidedBy)?.detail ?? "";
  const names = `${JSON.stringify(strictest.identifier)} of the same cluster ${JSON.stringify(cluster)}`;
  return {
    ...own,
    environment,
    decidedBy,
    evidence: own.evidence.map((entry) =>
      entry.method === decidedBy
        ? {
            ...entry,
            environment: decidedBy === "DEFAULT" ? entry.environment : environment,
            detail: `${entry.detail} But ${names} is ${environment}, and the strictest member counts. Of that one: ${why}`,
          }
        : entry,
    ),
  };
}
