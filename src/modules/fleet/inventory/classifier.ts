/** Decides the environment of an instance from what is known of it, in doubt PRODUCTION, and says what each method found. */
import type { Tag } from "../../../providers/provider.js";
import { ENVIRONMENTS, type Environment } from "../../../values/environments.js";
import {
  type EnvironmentMethod,
  type EnvironmentRules,
  piecesOf,
  type Vocabulary,
  vocabularyOf,
} from "./environment-rules.js";

/** What people say of the environment of an instance, or of all instances of an account. */
export interface Mapping {
  readonly environment: Environment;
  readonly reason: string;
  /** The conflict that an administrator settled by mapping this instance: the `dispute` that was seen then. Null: none. */
  readonly settles?: string | null;
}

/** What is known of an instance. */
export interface Subject {
  readonly identifier: string;
  readonly tags: readonly Tag[];
  readonly accountId: string | null;
  readonly instanceMapping?: Mapping | null;
  /** The mapping of `accountId`. */
  readonly accountMapping?: Mapping | null;
}

export interface EnvironmentEvidence {
  readonly method: EnvironmentMethod;
  /** Null: this method says nothing. */
  readonly environment: Environment | null;
  /** For people. */
  readonly detail: string;
}

export interface Classification {
  readonly environment: Environment;
  readonly decidedBy: EnvironmentMethod;
  /** Whether what the methods above the default say differs, and nobody settled it. */
  readonly conflict: boolean;
  /** Every method, in order of precedence. */
  readonly evidence: readonly EnvironmentEvidence[];
  /**
   * The conflict by name, for the `settles` of a mapping; null without one. Every fact but the instance's own mapping is a line of
   * its own, so that a settlement covers these facts, all or some of them, and none that comes later.
   */
  readonly dispute: string | null;
}

interface Finding {
  readonly environment: Environment;
  /** Names the finding: the same text whenever the same thing says the same environment. */
  readonly fact: string;
}

interface Saying {
  readonly findings: readonly Finding[];
  readonly detail: string;
}

const quoted = (text: string) => JSON.stringify(text);

const distinct = (environments: readonly Environment[]) =>
  ENVIRONMENTS.filter((environment) => environments.includes(environment));

const nearestToProduction = (findings: readonly Finding[]) =>
  distinct(findings.map(({ environment }) => environment))[0] ?? null;

const CAMEL_HUMP = /(?<=[\p{Ll}\p{N}])(?=\p{Lu})|(?<=\p{Lu})(?=\p{Lu}\p{Ll})/u;
const unnumbered = (word: string) => word.replace(/(?<=\p{L})\p{N}+$/u, "");

/** @returns the environments whose words stand in the text, the nearest to production first */
function environmentsIn(text: string, { meanings, longest }: Vocabulary): Environment[] {
  const known = (words: readonly string[]) =>
    [words.join(" "), words.map(unnumbered).join(" ")].find((phrase) => meanings.has(phrase));
  const words = piecesOf(text).flatMap((piece) => {
    const whole = piece.toLowerCase();
    return known([whole]) ? [whole] : piece.split(CAMEL_HUMP).map((hump) => hump.toLowerCase());
  });
  const found: Environment[] = [];
  for (let at = 0; at < words.length; ) {
    // The longest phrase counts, so that `non prod` and `prod like` are read before `prod`.
    let length = Math.min(longest, words.length - at);
    while (length > 1 && !known(words.slice(at, at + length))) length--;
    const meaning = meanings.get(known(words.slice(at, at + length)) ?? "");
    if (meaning) found.push(meaning);
    at += length;
  }
  return distinct(found);
}

const NEAREST_COUNTS = " They disagree, and the nearest to production counts.";

function tagsSay({ tags }: Subject, rules: EnvironmentRules): Saying {
  const asks = (key: string) =>
    rules.tagKeys.some((asked) =>
      asked.startsWith("*") ? key.endsWith(asked.slice(1)) && key.length >= asked.length : key === asked,
    );
  const read = tags
    .filter(({ key }) => asks(key))
    .map(({ key, value }) => ({ key, value, environments: environmentsIn(value, vocabularyOf(rules)) }));
  if (read.length === 0) return { findings: [], detail: "No tag that names environments." };
  const findings = read.flatMap(({ key, value, environments }) =>
    environments.map((environment) => ({ environment, fact: `TAG ${quoted(key)} ${quoted(value)} ${environment}` })),
  );
  const told = read.map(({ key, value, environments }) =>
    environments.length > 0
      ? `${quoted(key)} = ${quoted(value)} says ${environments.join(" and ")}`
      : `${quoted(key)} = ${quoted(value)} is no environment and is ignored`,
  );
  const disagree = distinct(findings.map(({ environment }) => environment)).length > 1;
  return { findings, detail: `${told.join("; ")}.${disagree ? NEAREST_COUNTS : ""}` };
}

function nameSays({ identifier }: Subject, rules: EnvironmentRules): Saying {
  const environments = environmentsIn(identifier, vocabularyOf(rules));
  const findings = environments.map((environment) => ({
    environment,
    fact: `NAME_PATTERN ${quoted(identifier)} ${environment}`,
  }));
  const name = `The name ${quoted(identifier)}`;
  if (findings.length === 0) return { findings, detail: `${name} holds no word for an environment.` };
  const disagree = environments.length > 1 ? NEAREST_COUNTS : "";
  return { findings, detail: `${name} says ${environments.join(" and ")}.${disagree}` };
}

function accountSays({ accountId, accountMapping }: Subject): Saying {
  if (accountId === null) return { findings: [], detail: "The instance has no account." };
  if (!accountMapping) return { findings: [], detail: `The account ${quoted(accountId)} is not mapped.` };
  const { environment, reason } = accountMapping;
  return {
    findings: [{ environment, fact: `ACCOUNT_MAPPING ${quoted(accountId)} ${environment}` }],
    detail: `The account ${quoted(accountId)} is mapped to ${environment}: ${quoted(reason)}.`,
  };
}

/** @param unsettled what disagrees with the mapping and is not covered by its settlement */
function instanceSays({ instanceMapping }: Subject, unsettled: readonly Finding[]): Saying {
  if (!instanceMapping) return { findings: [], detail: "The instance is not mapped." };
  const { environment, reason, settles } = instanceMapping;
  const news = unsettled.map(({ fact }) => fact).join("; ");
  const settlement = news ? ` It settles a conflict, but not this: ${news}.` : " It settles what the others say.";
  return {
    findings: [{ environment, fact: `INSTANCE_MAPPING ${environment}` }],
    detail: `Mapped to ${environment}: ${quoted(reason)}.${settles ? settlement : ""}`,
  };
}

const defaultSays = ({ defaultEnvironment }: EnvironmentRules, isAlone: boolean): string =>
  isAlone && defaultEnvironment !== "PRODUCTION"
    ? `The default is ${defaultEnvironment}, but where nothing else speaks the instance counts as PRODUCTION.`
    : `The default is ${defaultEnvironment}.`;

/**
 * Fails closed: PRODUCTION where any method above the default says so and another differs, or where only the default speaks.
 * Of other differences the precedence decides. A mapping that settles a conflict wins over it for as long as every fact that
 * contradicts the mapping is one that it was settled with.
 */
export function classify(subject: Subject, rules: EnvironmentRules): Classification {
  const mapping = subject.instanceMapping ?? null;
  const tags = tagsSay(subject, rules);
  const account = accountSays(subject);
  const name = nameSays(subject, rules);
  const others = [...tags.findings, ...account.findings, ...name.findings];

  const settled = new Set(mapping?.settles?.split("\n"));
  const contrary = others.filter(({ environment }) => mapping && environment !== mapping.environment);
  const unsettled = contrary.filter(({ fact }) => !settled.has(fact));
  const instance = instanceSays(subject, unsettled);

  const said: Readonly<Record<Exclude<EnvironmentMethod, "DEFAULT">, Saying>> = {
    TAG: tags,
    INSTANCE_MAPPING: instance,
    ACCOUNT_MAPPING: account,
    NAME_PATTERN: name,
  };
  const isAlone = others.length === 0 && mapping === null;
  const evidence = rules.precedence.map((method): EnvironmentEvidence => {
    if (method === "DEFAULT")
      return { method, environment: rules.defaultEnvironment, detail: defaultSays(rules, isAlone) };
    return { method, environment: nearestToProduction(said[method].findings), detail: said[method].detail };
  });
  const answer = (environment: Environment, decidedBy: EnvironmentMethod, dispute: string | null = null) => ({
    environment,
    decidedBy,
    conflict: dispute !== null,
    evidence,
    dispute,
  });

  if (mapping && contrary.length > 0 && unsettled.length === 0) return answer(mapping.environment, "INSTANCE_MAPPING");

  const environments = distinct([...others, ...instance.findings].map(({ environment }) => environment));
  const speaking = evidence.filter(({ method, environment }) => method !== "DEFAULT" && environment !== null);
  const deciding = speaking.find(({ environment }) => environment === "PRODUCTION") ?? speaking[0];
  if (!deciding?.environment) return answer("PRODUCTION", "DEFAULT");
  const facts = [...new Set(others.map(({ fact }) => fact))].sort().join("\n");
  return answer(deciding.environment, deciding.method, environments.length > 1 ? facts : null);
}
