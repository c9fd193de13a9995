/** The module of scans and their vulnerabilities. */
import type { RowsDeps } from "../../../engine/write/index.js";
import type { Module } from "../../../module.js";
import { Scan, Vulnerability } from "./scans.model.js";
import { scanMutations, vulnerabilityMutations } from "./scans.mutations.js";

export { Scan, Vulnerability };

export const scansModule = (deps: RowsDeps): Module => ({
  types: [Scan, Vulnerability],
  mutations: { ...scanMutations(deps), ...vulnerabilityMutations(deps) },
});
