/** What a client reads of scans and vulnerabilities. */
import { declareType, field, one, version } from "../../../engine/declare.js";
import { enumOf } from "../../../engine/types/object-type.js";
import { Organization } from "../../identity/organizations/index.js";
import { scanStatus, scans, severity, vulnerabilities } from "./scans.table.js";

export const ScanStatus = enumOf("ScanStatus", scanStatus.enumValues, "How far a scan has come.");

export const Severity = enumOf("Severity", severity.enumValues, "How grave a vulnerability is.");

export const Scan = declareType({
  name: "Scan",
  plural: "scans",
  description: "One examination of a target for weaknesses.",
  table: scans,
  read: ["scans:read"],
  scope: { kind: "organization", column: scans.organizationId },
  newestBy: "createdAt",
  fields: {
    id: field(scans.id, "Decimal text of the key."),
    targetUrl: field(scans.targetUrl, "The http or https address that was examined."),
    scanType: field(scans.scanType, "What kind of examination, such as `FULL` or `API`."),
    status: field(scans.status, "How far it has come.", { enumeration: ScanStatus }),
    startedAt: field(scans.startedAt, "When it started or shall start."),
    vulnerabilitiesFound: field(scans.vulnerabilitiesFound, "How many vulnerabilities it has; kept by the database."),
    createdAt: field(scans.createdAt, "When it was recorded here."),
    version: version(scans.version),
  },
  relations: {
    organization: one(() => Organization, scans.organizationId, "Whose scan it is.", {
      name: "scans",
      description: "Its scans.",
    }),
  },
});

export const Vulnerability = declareType({
  name: "Vulnerability",
  plural: "vulnerabilities",
  description: "A weakness that a scan found; it goes when its scan is deleted.",
  table: vulnerabilities,
  read: ["vulnerabilities:read"],
  scope: { kind: "through", relation: "scan" },
  countedBy: "scan",
  newestBy: "createdAt",
  fields: {
    id: field(vulnerabilities.id, "Decimal text of the key."),
    severity: field(vulnerabilities.severity, "How grave it is.", { enumeration: Severity }),
    vulnType: field(vulnerabilities.vulnType, "The kind of weakness, such as `XSS`."),
    title: field(vulnerabilities.title, "One line that names it."),
    description: field(vulnerabilities.description, "What was seen, and what to do."),
    createdAt: field(vulnerabilities.createdAt, "When it was recorded here."),
    version: version(vulnerabilities.version),
  },
  relations: {
    scan: one(() => Scan, vulnerabilities.scanId, "The scan that found it.", {
      name: "vulnerabilities",
      description: "What it found.",
    }),
  },
});
