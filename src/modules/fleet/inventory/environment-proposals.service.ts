/** Changes the grounds of environments. What would take instances out of PRODUCTION waits as a proposal until a second administrator confirms it. */
import type { Call } from "../../../audit/call.js";
import type { AuditService } from "../../../audit/index.js";
import { describeActor } from "../../../auth/actor.js";
import type { Db } from "../../../db/client.js";
import { conflict, failedPrecondition, forbidden, notFound } from "../../../errors.js";
import {
  type ClassificationChange,
  type ClassificationService,
  classificationDisputeOf,
} from "./classification.service.js";
import { insertMapping, listClassifiedByIds, lockClassification } from "./classification.store.js";
import type { EnvironmentGroundsChange } from "./environment-grounds.js";
import {
  type EnvironmentPreview,
  type ProposedChange,
  previewEnvironmentChange,
  proposedChangesOf,
  requireShowable,
} from "./environment-preview.service.js";
import {
  changeOfProposal,
  type ProposedTags,
  requireCovered,
  subjectOfChange,
} from "./environment-proposal-changes.service.js";
import type { EnvironmentProposalDecision } from "./environment-proposals.inputs.js";
import {
  expireProposals,
  findProposal,
  insertProposal,
  listProposalAdministrators,
  type StoredProposal,
  shareHands,
  supersedeProposals,
  updateProposal,
} from "./environment-proposals.store.js";
import { insertEnvironmentRules } from "./environment-rules.store.js";

const DAYS = 7;
/** Whoever makes an account, or gives it a password, could sign in to it and confirm what they propose themselves. */
const HANDS_DAYS = 30;
const SAME_HANDS = `One person has created or changed both your account and the author's within the last ${HANDS_DAYS} days, or one of you the other's, themselves or through accounts that they have made or changed. An administrator for whom this is not so confirms this proposal.`;
const SYSTEM = { type: "system", name: "inventory" };

export interface ProposalsDeps {
  readonly db: Db;
  readonly audit: Pick<AuditService, "record" | "recordFor">;
  readonly clock: { now(): Date };
  readonly classification: ClassificationService;
  /** Queues the operation that sets tags, in the caller's transaction. @returns its id @throws PRODUCTION_PROTECTED, FAILED_PRECONDITION */
  readonly queueTags: (db: Db, agreed: AgreedTags) => Promise<string>;
}

/** A change of tags on which two administrators have agreed. */
export interface AgreedTags extends ProposedTags {
  readonly proposalId: bigint;
  readonly instanceId: bigint;
  /** Who has proposed it, and so requests it. */
  readonly author: unknown;
  readonly confirmedBy: object;
  readonly requestId: string;
}

/** What a change of the grounds did or would do. */
export interface ProposedOutcome {
  readonly changes: readonly ClassificationChange[];
  readonly leaving: readonly ClassificationChange[];
  /** Those that waited, and are void now. */
  readonly superseded: readonly string[];
  /** The proposal that waits; null where the change counts already. */
  readonly proposalId: string | null;
}

const LOOSENS_NOTHING = "These tags loosen nothing. Set them with setInstanceTags.";

/** The message to whoever decides about a proposal that waits no more. */
const ENDED: Readonly<Record<Exclude<StoredProposal["status"], "WAITING">, string>> = {
  CONFIRMED: "This proposal has been confirmed already.",
  REJECTED: "This proposal has been rejected. Propose it anew.",
  SUPERSEDED: "A later change of the same subject has replaced this proposal.",
  EXPIRED: `This proposal has waited for more than ${DAYS} days. Propose it anew.`,
};

export type ProposalsService = ReturnType<typeof createProposals>;

export function createProposals({ db, audit, clock, classification, queueTags }: ProposalsDeps) {
  const preview = (db: Db, change: ProposedChange) => previewEnvironmentChange(db, classification, change);

  /** @returns the version of the rules that this makes; null for a mapping */
  async function apply(
    db: Db,
    change: EnvironmentGroundsChange,
    { grounds, instances }: EnvironmentPreview,
    by: { readonly createdBy: unknown; readonly confirmedBy: object | null },
    { origin: { requestId } }: Call,
  ): Promise<number | null> {
    const { reason } = change;
    const version =
      change.kind === "RULES" ? await insertEnvironmentRules(db, { rules: change.rules, reason, ...by }) : null;
    if (change.kind === "MAPPING") await insertMapping(db, { ...change.mapping, reason, ...by });
    await classification.reclassify(db, instances, { grounds, requestId });
    return version;
  }

  /** @throws CONFLICT where the dispute that a mapping settles is another one now */
  async function requireDispute(db: Db, change: ProposedChange): Promise<void> {
    if (change.kind !== "MAPPING" || change.mapping.settles === null) return;
    const { instanceId, settles } = change.mapping;
    const instances = await listClassifiedByIds(db, [instanceId as bigint]);
    const instance = instances.find(({ id }) => id === instanceId);
    if (!instance || settles !== classificationDisputeOf(instance)) {
      throw conflict("The dispute is another one now. Read the instance's environment again, and name that one.");
    }
  }

  /** @throws FORBIDDEN to the author and whoever might be the same person, FAILED_PRECONDITION where one of the two is no administrator any more */
  async function requireSecond(db: Db, { createdBy }: StoredProposal, { actor }: Call): Promise<void> {
    const author = (createdBy as { id?: string }).id;
    const second = actor.kind === "user" ? actor.userId : undefined;
    if (author === undefined || second === undefined || author === second) {
      throw forbidden("environments:decide", "Another administrator than its author confirms a proposal.");
    }
    const administrators = await listProposalAdministrators(db, [author, second]);
    if (!administrators.includes(second)) throw forbidden("environments:decide");
    if (!administrators.includes(author)) {
      throw failedPrecondition(
        "author",
        "Its author is no administrator any more. Reject this proposal, and propose it anew if it is right.",
      );
    }
    const since = new Date(clock.now().getTime() - HANDS_DAYS * 86_400_000);
    if (await shareHands(db, [author, second], since)) throw forbidden("environments:decide", SAME_HANDS);
  }

  return {
    preview,

    /**
     * Changes the grounds, or proposes that where it loosens anything. Waiting proposals of the same subject are void then.
     * The caller holds the lock of the classification.
     * @throws CONFLICT, LIMIT_EXCEEDED
     */
    async change(db: Db, call: Call, change: ProposedChange): Promise<ProposedOutcome> {
      await requireDispute(db, change);
      const author = describeActor(call.actor);
      const previewed = await preview(db, change);
      const { changes, leaving, loosens, isLoosening } = previewed;
      const { kind } = change;
      const subject = subjectOfChange(change);
      const superseded = (await supersedeProposals(db, { kind, ...subject }, author)).map(String);
      if (!isLoosening) {
        if (kind === "TAGS") throw failedPrecondition("loosens nothing", LOOSENS_NOTHING);
        await apply(db, change, previewed, { createdBy: author, confirmedBy: null }, call);
        return { changes, leaving, superseded, proposalId: null };
      }
      requireShowable(previewed);
      const { version: rulesVersion } = await classification.findRules(db);
      const id = await insertProposal(db, {
        kind,
        ...subject,
        rules: kind === "RULES" ? change.rules : null,
        tagChange: kind === "TAGS" ? { tags: change.tags, removeKeys: change.removeKeys, loosens } : null,
        rulesVersion,
        reason: change.reason,
        changes: proposedChangesOf(previewed),
        changeCount: changes.length,
        covered: Object.fromEntries(leaving.map(({ before, after }) => [String(before.id), after.environment])),
        createdBy: author,
        expiresAt: new Date(clock.now().getTime() + DAYS * 86_400_000).toISOString(),
      });
      return { changes, leaving, superseded, proposalId: String(id) };
    },

    /**
     * Confirms or rejects a proposal. What it changes is judged anew, because facts may have changed.
     * @returns its id
     * @throws NOT_FOUND, FORBIDDEN, FAILED_PRECONDITION, CONFLICT
     */
    decide(call: Call, { id, decision, comment }: EnvironmentProposalDecision): Promise<string> {
      return db.transaction(async (db) => {
        await lockClassification(db);
        const proposal = await findProposal(db, BigInt(id));
        if (!proposal) throw notFound("environmentProposal");
        const isOver = Date.parse(proposal.expiresAt) <= clock.now().getTime();
        const status = proposal.status === "WAITING" && isOver ? "EXPIRED" : proposal.status;
        if (status !== "WAITING") throw failedPrecondition(status.toLowerCase(), ENDED[status]);
        const decidedBy = describeActor(call.actor);
        const { version: rulesVersion } = await classification.findRules(db);
        let changed = 0;
        let newRulesVersion: number | null = null;
        let operationId: string | null = null;
        if (decision === "CONFIRM") {
          await requireSecond(db, proposal, call);
          const change = changeOfProposal(proposal);
          await requireDispute(db, change);
          const previewed = await preview(db, change);
          requireCovered(proposal, previewed);
          if (change.kind === "TAGS") {
            operationId = await queueTags(db, {
              ...(proposal.tagChange as ProposedTags),
              ...{ proposalId: proposal.id, instanceId: change.instanceId },
              ...{ author: proposal.createdBy, confirmedBy: decidedBy, requestId: call.origin.requestId },
            });
          } else {
            const by = { createdBy: proposal.createdBy, confirmedBy: decidedBy };
            newRulesVersion = await apply(db, change, previewed, by, call);
          }
          changed = previewed.changes.length;
        }
        const ended = decision === "CONFIRM" ? "CONFIRMED" : "REJECTED";
        await updateProposal(db, proposal.id, ended, { decidedBy, comment: comment ?? null });
        const { kind, instanceId, accountId, environment, settles, createdBy } = proposal;
        const subject = { kind, instanceId: instanceId && String(instanceId), accountId, environment, settles };
        const versions = { proposedRulesVersion: proposal.rulesVersion, rulesVersion, newRulesVersion };
        await audit.record(db, call, {
          resourceId: id,
          result: { status: ended, changed, ...subject, author: createdBy, ...versions, operationId },
        });
        return id;
      });
    },

    /** Ends the proposals that have waited for too long. */
    expire: (): Promise<void> =>
      db.transaction(async (db) => {
        await lockClassification(db);
        for (const id of await expireProposals(db, clock.now(), SYSTEM)) {
          await audit.recordFor(db, {
            actor: SYSTEM,
            action: "environment-proposal.expire",
            resourceId: String(id),
            parameters: null,
            result: { status: "EXPIRED" },
            success: true,
            durationSeconds: null,
            requestId: null,
          });
        }
      }),
  };
}
