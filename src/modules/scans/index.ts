/** Scans and their vulnerabilities. */
import { writeResolvers } from "../../wire/write-resolver.js";
import { createRowService, type RowsDeps } from "../rows/index.js";
import { VulnerabilitiesResolver } from "./scans.resolver.js";
import { createVulnerabilitiesService } from "./scans.service.js";
import { scanWrites, vulnerabilityWrites } from "./scans.types.js";

export const scanResolvers = (deps: RowsDeps): object[] => [
  ...writeResolvers(scanWrites, createRowService(deps, scanWrites)),
  ...writeResolvers(vulnerabilityWrites, createRowService(deps, vulnerabilityWrites)),
  new VulnerabilitiesResolver(createVulnerabilitiesService(deps)),
];
