/** The types Scan and Vulnerability, as clients read them. */
import { declareType, field, one, version } from "../../../engine/declare.js";
import { enumTypeOf } from "../../../engine/types/object-type.js";
import { Organization } from "../../identity/organizations/index.js";
import { scanStatus, scans, severity, vulnerabilities } from "./scans.table.js";

export const ScanStatus = enumTypeOf("ScanStatus", scanStatus.enumValues, "The progress of a scan.", {
  PENDING: "It has not begun.",
  RUNNING: "It examines its target.",
  COMPLETED: "It has examined all of its target.",
  FAILED: "It ended before it had examined all of its target.",
  CANCELLED: "Somebody has called it off.",
});

export const ScanSeverity = enumTypeOf("Severity", severity.enumValues, "How serious a vulnerability is.", {
  CRITICAL: "Somebody can take over or damage the target at any moment: act at once.",
  HIGH: "Somebody can do great harm with some effort: act next.",
  MEDIUM: "It does harm together with something else, or to few.",
  LOW: "It does little harm.",
  INFO: "It does no harm by itself, and is good to know.",
});

export const Scan = declareType({
  name: "Scan",
  plural: "scans",
  description: "One examination of a target for vulnerabilities.",
  table: scans,
  read: ["scans:read"],
  scope: { kind: "organization", column: scans.organizationId },
  newestBy: "createdAt",
  fields: {
    id: field(scans.id, "Decimal text of the key."),
    targetUrl: field(scans.targetUrl, "The http or https address that was examined."),
    scanType: field(scans.scanType, "The kind of examination, such as `FULL` or `API`."),
    status: field(scans.status, "The progress of the scan.", { enumeration: ScanStatus }),
    startedAt: field(scans.startedAt, "When the scan started or is to start."),
    vulnerabilitiesFound: field(
      scans.vulnerabilitiesFound,
      "The number of its vulnerabilities, which the database counts.",
    ),
    createdAt: field(scans.createdAt, "When the scan was recorded here."),
    version: version(scans.version),
  },
  relations: {
    organization: one(() => Organization, scans.organizationId, "The organization that owns the scan.", {
      name: "scans",
      description: "The scans of the organization.",
    }),
  },
});

export const Vulnerability = declareType({
  name: "Vulnerability",
  plural: "vulnerabilities",
  description: "A weakness that a scan found. It is deleted with its scan.",
  table: vulnerabilities,
  read: ["vulnerabilities:read"],
  scope: { kind: "through", relation: "scan" },
  countedBy: "scan",
  newestBy: "createdAt",
  fields: {
    id: field(vulnerabilities.id, "Decimal text of the key."),
    severity: field(vulnerabilities.severity, "How serious it is.", { enumeration: ScanSeverity }),
    vulnType: field(vulnerabilities.vulnType, "The kind of weakness, such as `XSS`."),
    title: field(vulnerabilities.title, "A name in one line."),
    description: field(vulnerabilities.description, "What was seen, and what to do about it."),
    createdAt: field(vulnerabilities.createdAt, "When the vulnerability was recorded here."),
    version: version(vulnerabilities.version),
  },
  relations: {
    scan: one(() => Scan, vulnerabilities.scanId, "The scan that found it.", {
      name: "vulnerabilities",
      description: "The vulnerabilities that the scan found.",
    }),
  },
});
