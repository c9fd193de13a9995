/** Scans and their vulnerabilities. */
import { writeResolvers } from "../../../engine/types/write-resolver.js";
import { createRowService, type RowsDeps } from "../../../engine/write/index.js";
import { scanWrites, vulnerabilityWrites } from "./scans.types.js";

export { Scan, Vulnerability } from "./scans.model.js";

export const scanResolvers = (deps: RowsDeps): object[] =>
  [scanWrites, vulnerabilityWrites].flatMap((writes) => writeResolvers(writes, createRowService(deps, writes)));
