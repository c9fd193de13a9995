/** Scans and their vulnerabilities. */
import { can } from "../../../auth/rules.js";
import { rowMutations } from "../../../engine/types/row-mutations.js";
import { writeResolvers } from "../../../engine/types/write-resolver.js";
import { createRowService, type RowsDeps } from "../../../engine/write/index.js";
import type { Module } from "../../../module.js";
import { Scan, Vulnerability } from "./scans.model.js";
import { scanWrites, vulnerabilityWrites } from "./scans.types.js";

export const scansModule = (deps: RowsDeps): Module => ({
  types: [Scan, Vulnerability],
  mutations: {
    ...rowMutations(scanWrites, can("scans:write")),
    ...rowMutations(vulnerabilityWrites, can("vulnerabilities:write")),
  },
  resolvers: [scanWrites, vulnerabilityWrites].flatMap((writes) =>
    writeResolvers(writes, createRowService(deps, writes)),
  ),
});
