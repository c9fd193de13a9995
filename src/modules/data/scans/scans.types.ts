/** What a client sends to create and change scans and vulnerabilities. */
import { z } from "zod";
import { writeTypes } from "../../../engine/types/write-types.js";
import { absent, httpUrl, idText, moment, nullable, text } from "../../../values/checked.js";
import { Scan, ScanStatus, Severity, Vulnerability } from "./scans.model.js";

export const scanWrites = writeTypes(Scan, {
  create: {
    organizationId: idText,
    targetUrl: httpUrl,
    scanType: text(50),
    status: absent(z.enum(ScanStatus)),
    startedAt: absent(moment),
  },
  update: { targetUrl: httpUrl.optional(), scanType: text(50).optional(), status: z.enum(ScanStatus).optional() },
});

const vulnerability = {
  severity: z.enum(Severity),
  vulnType: text(100),
  title: text(500),
  description: nullable(text(20_000, 0)),
};

export const vulnerabilityWrites = writeTypes(Vulnerability, {
  create: { scanId: idText, ...vulnerability },
  update: {
    severity: vulnerability.severity.optional(),
    vulnType: vulnerability.vulnType.optional(),
    title: vulnerability.title.optional(),
    description: vulnerability.description,
  },
  // What one scan found is written down together.
  shared: "scan",
});
