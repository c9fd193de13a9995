/** A specimen of every type with root fields, those that others refer to first. A guard test says which one is missing. */
import type { TestApp } from "../support/app.js";
import { analyticsMetric } from "./analytics-metric.js";
import { auditLog } from "./audit-log.js";
import { bulkOperation } from "./bulk-operation.js";
import { bulkOperationPart } from "./bulk-operation-part.js";
import { isWritten } from "./changes.js";
import { chatSession } from "./chat-session.js";
import { discoveryRun } from "./discovery-run.js";
import { environmentMapping } from "./environment-mapping.js";
import { environmentProposal } from "./environment-proposal.js";
import { environmentRulesVersion } from "./environment-rules-version.js";
import { finding } from "./finding.js";
import { instance } from "./instance.js";
import { instanceChange } from "./instance-change.js";
import { operation } from "./operation.js";
import { organization } from "./organization.js";
import { performanceLog } from "./performance-log.js";
import { scan } from "./scan.js";
import { scope } from "./scope.js";
import { securityEvent } from "./security-event.js";
import { session } from "./session.js";
import { snapshot } from "./snapshot.js";
import type { Specimen } from "./specimen.js";
import { user } from "./user.js";
import { vulnerability } from "./vulnerability.js";

export const SPECIMENS = {
  Organization: organization,
  User: user,
  Session: session,
  Scan: scan,
  Vulnerability: vulnerability,
  ChatSession: chatSession,
  AnalyticsMetric: analyticsMetric,
  PerformanceLog: performanceLog,
  Scope: scope,
  Instance: instance,
  InstanceChange: instanceChange,
  Snapshot: snapshot,
  EnvironmentMapping: environmentMapping,
  EnvironmentProposal: environmentProposal,
  BulkOperation: bulkOperation,
  Operation: operation,
  BulkOperationPart: bulkOperationPart,
  EnvironmentRulesVersion: environmentRulesVersion,
  Finding: finding,
  DiscoveryRun: discoveryRun,
  AuditLog: auditLog,
  SecurityEvent: securityEvent,
} as const satisfies Readonly<Record<string, Specimen>>;

export type TypeName = keyof typeof SPECIMENS;

export const specimens: readonly Specimen[] = Object.values(SPECIMENS);

/** Those whose rows clients write. */
export const written = specimens.filter(isWritten);

/** Gives a database a row of each of these types of which the demo has none: the first one, where clients write them. */
export async function insertMissing(app: TestApp, among: readonly Specimen[] = written): Promise<void> {
  for (const { inDemo, insert } of among) if (!inDemo) await insert(app);
}
