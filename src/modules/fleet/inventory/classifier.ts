/** Decides the environment of an instance by several methods, and says what each of them found. In doubt it is PRODUCTION. */
import type { Tag } from "../../../providers/provider.js";
import {
  type Environment,
  type EnvironmentDecider,
  type EnvironmentMethod,
  isStricterEnvironment,
  strictestEnvironment,
} from "../../../values/environments.js";
import type { EnvironmentRules } from "./environment-rules.js";
import { distinctEnvironments, environmentsIn } from "./environment-words.js";

/** The environment that people have set for an instance, or for all instances of an account. */
export interface ClassifierMapping {
  readonly environment: Environment;
  /** The `dispute` that an administrator settled with this mapping; null where there was none. */
  readonly settles?: string | null;
}

/** The cluster that an instance is a member of. */
export interface ClassifierCluster {
  readonly identifier: string;
  readonly tags: readonly Tag[];
}

/** The facts of an instance that decide its environment. */
export interface ClassifierSubject {
  readonly identifier: string;
  readonly tags: readonly Tag[];
  /** Its tags speak for the member too, which never counts as less strict than they say. */
  readonly cluster?: ClassifierCluster | null;
  readonly accountId: string | null;
  /** Whether it was restored from a snapshot of production. */
  readonly restoredFromProduction?: boolean;
  readonly instanceMapping?: ClassifierMapping | null;
  /** The mapping of `accountId`. */
  readonly accountMapping?: ClassifierMapping | null;
}

export interface EnvironmentEvidence {
  readonly method: EnvironmentDecider;
  /** Null where the method finds nothing. */
  readonly environment: Environment | null;
  /** A sentence for people. Everybody reads it who reads the instance, so it never says why somebody mapped anything. */
  readonly detail: string;
}

export interface Classification {
  readonly environment: Environment;
  readonly decidedBy: EnvironmentDecider;
  /** Whether methods other than the default disagree, and nobody has settled it. */
  readonly conflict: boolean;
  /** Every method, in order of precedence; before the default the origin, where it speaks. */
  readonly evidence: readonly EnvironmentEvidence[];
  /**
   * The text of the conflict, for the `settles` of a mapping; null without one. Each fact is a line, but for the instance's own mapping.
   * So a settlement covers these facts or some of them, and none that comes later.
   */
  readonly dispute: string | null;
}

interface Finding {
  readonly environment: Environment;
  /** A text that is the same whenever the same source names the same environment. */
  readonly fact: string;
}

/** What one method has found. */
interface MethodResult {
  readonly findings: readonly Finding[];
  readonly detail: string;
}

const quoted = (text: string) => JSON.stringify(text);

const nearestToProduction = (findings: readonly Finding[]) =>
  strictestEnvironment(findings.map(({ environment }) => environment));

const NEAREST_COUNTS = " They disagree, and the nearest to production counts.";

/** A tag whose key may name environments, with those that its value names. */
export interface ClassifierTag extends Tag {
  /** The identifier of the cluster whose tag it is; null for the instance's own. */
  readonly cluster: string | null;
  readonly environments: readonly Environment[];
}

/** @returns the tags of the instance and of its cluster that may name environments */
export function classifierTagsOf(
  { tags, cluster }: Pick<ClassifierSubject, "tags" | "cluster">,
  rules: EnvironmentRules,
): ClassifierTag[] {
  const isEnvironmentKey = (key: string) =>
    rules.tagKeys.some((tagKey) =>
      tagKey.startsWith("*") ? key.endsWith(tagKey.slice(1)) && key.length >= tagKey.length : key === tagKey,
    );
  const read = (tags: readonly Tag[], cluster: string | null) =>
    tags
      .filter(({ key }) => isEnvironmentKey(key))
      .map((tag) => ({ ...tag, cluster, environments: environmentsIn(tag.value, rules.values) }));
  return [...read(tags, null), ...(cluster ? read(cluster.tags, cluster.identifier) : [])];
}

const factOf = ({ key, value, cluster }: ClassifierTag) =>
  `${cluster === null ? "TAG" : `CLUSTER_TAG ${quoted(cluster)}`} ${quoted(key)} ${quoted(value)}`;

/** @returns also the environment that the tags of the cluster say, of which no precedence makes less */
function readTags(
  subject: ClassifierSubject,
  rules: EnvironmentRules,
): MethodResult & { ofCluster: Environment | null } {
  const read = classifierTagsOf(subject, rules);
  if (read.length === 0) return { findings: [], detail: "No tag that names environments.", ofCluster: null };
  const findings = read.flatMap((tag) =>
    tag.environments.map((environment) => ({ environment, fact: `${factOf(tag)} ${environment}` })),
  );
  const sentences = read.map(({ key, value, cluster, environments }) => {
    const whose = cluster === null ? "" : `of the cluster ${quoted(cluster)}, `;
    const meaning = environments.length > 0 ? `says ${environments.join(" and ")}` : "is no environment and is ignored";
    return `${whose}${quoted(key)} = ${quoted(value)} ${meaning}`;
  });
  const disagree = distinctEnvironments(findings.map(({ environment }) => environment)).length > 1;
  const ofCluster = strictestEnvironment(
    read.flatMap(({ cluster, environments }) => (cluster === null ? [] : environments)),
  );
  return { findings, detail: `${sentences.join("; ")}.${disagree ? NEAREST_COUNTS : ""}`, ofCluster };
}

function readName({ identifier }: ClassifierSubject, rules: EnvironmentRules): MethodResult {
  const environments = environmentsIn(identifier, rules.values);
  const findings = environments.map((environment) => ({
    environment,
    fact: `NAME_PATTERN ${quoted(identifier)} ${environment}`,
  }));
  const name = `The name ${quoted(identifier)}`;
  if (findings.length === 0) return { findings, detail: `${name} holds no word for an environment.` };
  const disagree = environments.length > 1 ? NEAREST_COUNTS : "";
  return { findings, detail: `${name} says ${environments.join(" and ")}.${disagree}` };
}

function readAccountMapping({ accountId, accountMapping }: ClassifierSubject): MethodResult {
  if (accountId === null) return { findings: [], detail: "The instance has no account." };
  if (!accountMapping) return { findings: [], detail: `The account ${quoted(accountId)} is not mapped.` };
  const { environment } = accountMapping;
  return {
    findings: [{ environment, fact: `ACCOUNT_MAPPING ${quoted(accountId)} ${environment}` }],
    detail: `The account ${quoted(accountId)} is mapped to ${environment}.`,
  };
}

/** @param unsettled the findings that disagree with the mapping and are not covered by its settlement */
function readInstanceMapping({ instanceMapping }: ClassifierSubject, unsettled: readonly Finding[]): MethodResult {
  if (!instanceMapping) return { findings: [], detail: "The instance is not mapped." };
  const { environment, settles } = instanceMapping;
  const uncovered = unsettled.map(({ fact }) => fact).join("; ");
  const settlement = uncovered
    ? ` It settles a conflict, but not this: ${uncovered}.`
    : " It settles what the others say.";
  return {
    findings: [{ environment, fact: `INSTANCE_MAPPING ${environment}` }],
    detail: `Mapped to ${environment}.${settles ? settlement : ""}`,
  };
}

const ORIGIN: Finding & EnvironmentEvidence = {
  environment: "PRODUCTION",
  fact: "ORIGIN PRODUCTION",
  method: "ORIGIN",
  detail: "It was restored from a snapshot of production, and holds that data.",
};

const describeDefault = ({ defaultEnvironment }: EnvironmentRules, isAlone: boolean): string =>
  isAlone && defaultEnvironment !== "PRODUCTION"
    ? `The default is ${defaultEnvironment}, but where nothing else speaks the instance counts as PRODUCTION.`
    : `The default is ${defaultEnvironment}.`;

/**
 * Fails closed: the answer is PRODUCTION where one method says so and another differs, or where only the default says anything. Other
 * differences are decided by the precedence. A mapping that settles a conflict wins as long as no new fact contradicts it.
 */
export function classify(subject: ClassifierSubject, rules: EnvironmentRules): Classification {
  const mapping = subject.instanceMapping ?? null;
  const tags = readTags(subject, rules);
  const account = readAccountMapping(subject);
  const name = readName(subject, rules);
  const origin = subject.restoredFromProduction ? [ORIGIN] : [];
  const others = [...tags.findings, ...account.findings, ...name.findings, ...origin];

  const settled = new Set(mapping?.settles?.split("\n"));
  const contrary = others.filter(({ environment }) => mapping && environment !== mapping.environment);
  const unsettled = contrary.filter(({ fact }) => !settled.has(fact));
  const instance = readInstanceMapping(subject, unsettled);

  const results: Readonly<Record<Exclude<EnvironmentMethod, "DEFAULT">, MethodResult>> = {
    TAG: tags,
    INSTANCE_MAPPING: instance,
    ACCOUNT_MAPPING: account,
    NAME_PATTERN: name,
  };
  const isAlone = others.length === 0 && mapping === null;
  const evidence = rules.precedence.flatMap((method): EnvironmentEvidence[] => {
    if (method !== "DEFAULT")
      return [{ method, environment: nearestToProduction(results[method].findings), detail: results[method].detail }];
    const usual = { method, environment: rules.defaultEnvironment, detail: describeDefault(rules, isAlone) };
    return [...origin.map(({ method, environment, detail }) => ({ method, environment, detail })), usual];
  });
  const decide = (environment: Environment, decidedBy: EnvironmentDecider, dispute: string | null = null) => ({
    environment,
    decidedBy,
    conflict: dispute !== null,
    evidence,
    dispute,
  });

  if (mapping && contrary.length > 0 && unsettled.length === 0) return decide(mapping.environment, "INSTANCE_MAPPING");

  const environments = distinctEnvironments([...others, ...instance.findings].map(({ environment }) => environment));
  const positive = evidence.filter(({ method, environment }) => method !== "DEFAULT" && environment !== null);
  const deciding = positive.find(({ environment }) => environment === "PRODUCTION") ?? positive[0];
  if (!deciding?.environment) return decide("PRODUCTION", "DEFAULT");
  const facts = [...new Set(others.map(({ fact }) => fact))].sort().join("\n");
  const dispute = environments.length > 1 ? facts : null;
  const { ofCluster } = tags;
  return ofCluster && isStricterEnvironment(ofCluster, deciding.environment)
    ? decide(ofCluster, "TAG", dispute)
    : decide(deciding.environment, deciding.method, dispute);
}
