/** Turns proposals into the changes that they propose, and says whether a change is still the one that was proposed. */
import { conflict } from "../../../errors.js";
import type { TagChange } from "../../../values/tags.js";
import type { EnvironmentPreview, ProposedChange } from "./environment-preview.service.js";
import type { StoredProposal } from "./environment-proposals.store.js";
import type { EnvironmentRules } from "./environment-rules.js";

/** A change of tags as a proposal keeps it. */
export interface ProposedTags extends TagChange {
  /** What it loosens, by what was known when it was proposed. */
  readonly loosens: readonly string[];
}

export const changeOfProposal = (proposal: StoredProposal): ProposedChange => {
  const { kind, reason, instanceId, accountId, environment, settles, rules, tagChange } = proposal;
  if (kind === "RULES") return { kind, reason, rules: rules as EnvironmentRules };
  if (kind === "MAPPING") return { kind, reason, mapping: { instanceId, accountId, environment, settles } };
  const { tags, removeKeys } = tagChange as ProposedTags;
  return { kind, reason, instanceId: instanceId as bigint, tags, removeKeys };
};

/** @returns what a change is about, as proposals keep it */
export function subjectOfChange(change: ProposedChange) {
  const none = { instanceId: null, accountId: null, environment: null, settles: null };
  if (change.kind === "RULES") return none;
  return change.kind === "TAGS" ? { ...none, instanceId: change.instanceId } : { ...none, ...change.mapping };
}

const listed = (names: readonly string[]) =>
  names.length > 5 ? `${names.slice(0, 5).join(", ")} and ${names.length - 5} more` : names.join(", ");

/** @throws CONFLICT where the change would take other instances out of PRODUCTION than the proposal named, or loosen more */
export function requireCovered({ covered, tagChange }: StoredProposal, { leaving, loosens }: EnvironmentPreview): void {
  const named = covered as Readonly<Record<string, string>>;
  const others = leaving.filter(({ before, after }) => named[String(before.id)] !== after.environment);
  if (others.length > 0) {
    const names = listed(others.map(({ before, after }) => `${before.identifier} to ${after.environment}`));
    throw conflict(
      `By now this would also take out of PRODUCTION what the proposal does not name: ${names}. Propose it anew.`,
    );
  }
  const agreed = (tagChange as ProposedTags | null)?.loosens ?? [];
  const more = loosens.filter((sentence) => !agreed.includes(sentence));
  if (more.length === 0) return;
  throw conflict(`By now this would also loosen what the proposal does not name: ${more.join(" ")} Propose it anew.`);
}
