/** The inputs and mutations of scans and vulnerabilities. */
import { z } from "zod";
import { can } from "../../../auth/rules.js";
import type { Mutation } from "../../../engine/mutation.js";
import { rowInputs } from "../../../engine/types/row-inputs.js";
import { rowMutations } from "../../../engine/types/row-mutations.js";
import { createRowService, type RowsDeps } from "../../../engine/write/index.js";
import { absent, checkedId, checkedMoment, checkedText, checkedUrl, nullable } from "../../../values/checked.js";
import { Scan, ScanSeverity, ScanStatus, Vulnerability } from "./scans.model.js";

const scanInputs = rowInputs(Scan, {
  create: {
    organizationId: checkedId,
    targetUrl: checkedUrl,
    scanType: checkedText(50),
    status: absent(z.enum(ScanStatus)),
    startedAt: absent(checkedMoment),
  },
  update: {
    targetUrl: checkedUrl.optional(),
    scanType: checkedText(50).optional(),
    status: z.enum(ScanStatus).optional(),
  },
});

const vulnerability = {
  severity: z.enum(ScanSeverity),
  vulnType: checkedText(100),
  title: checkedText(500),
  description: nullable(checkedText(20_000, 0)),
};

const vulnerabilityInputs = rowInputs(Vulnerability, {
  create: { scanId: checkedId, ...vulnerability },
  update: {
    severity: vulnerability.severity.optional(),
    vulnType: vulnerability.vulnType.optional(),
    title: vulnerability.title.optional(),
    description: vulnerability.description,
  },
  // createVulnerabilities adds to one scan, which the whole input names once.
  parent: "scan",
});

export const scanMutations = (deps: RowsDeps): Record<string, Mutation> =>
  rowMutations(
    scanInputs,
    createRowService(deps, scanInputs),
    {
      createScan: "create",
      createScans: "createMany",
      updateScan: "update",
      updateScans: "updateMany",
      deleteScan: "delete",
      deleteScans: "deleteMany",
    },
    can("scans:write"),
  );

export const vulnerabilityMutations = (deps: RowsDeps): Record<string, Mutation> =>
  rowMutations(
    vulnerabilityInputs,
    createRowService(deps, vulnerabilityInputs),
    {
      createVulnerability: "create",
      createVulnerabilities: "createMany",
      updateVulnerability: "update",
      updateVulnerabilities: "updateMany",
      deleteVulnerability: "delete",
      deleteVulnerabilities: "deleteMany",
    },
    can("vulnerabilities:write"),
  );
