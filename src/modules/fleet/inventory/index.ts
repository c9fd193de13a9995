/** The module of the inventory: instances, snapshots, findings and environments. */
import { can } from "../../../auth/rules.js";
import type { Module } from "../../../module.js";
import type { Provider } from "../../../providers/provider.js";
import { type ClassificationDeps, createClassification } from "./classification.service.js";
import { EnvironmentMapping } from "./environment-mapping.model.js";
import { EnvironmentProposal } from "./environment-proposal.model.js";
import { EnvironmentRulesVersion } from "./environment-rules.model.js";
import { environmentMutations } from "./environments.mutations.js";
import { EnvironmentsResolver } from "./environments.resolver.js";
import { createEnvironments, type EnvironmentsDeps } from "./environments.service.js";
import { InstanceChange } from "./instance-changes.model.js";
import { Environment, EnvironmentClassification, MemberRole, OperationType } from "./instance-objects.model.js";
import { Finding, Instance, Snapshot } from "./inventory.model.js";
import { createInventoryService, type InventoryDeps, type InventoryService } from "./inventory.service.js";
import { deleteOldInventory } from "./inventory-retention.store.js";
import { MemberLogsResolver } from "./member-logs.resolver.js";
import { createMemberLogs } from "./member-logs.service.js";
import { createProviderReports, type ProviderReportsDeps } from "./provider-reports.service.js";
import { Scope, ScopeError } from "./scopes.model.js";

export type { AgreedTags } from "./environment-proposals.service.js";
export { DEFAULT_ENVIRONMENT_RULES, type EnvironmentRules, environmentRulesText } from "./environment-rules.js";
export type { StoredInstance } from "./inventory.store.js";
export type { RefreshedScope } from "./scopes.store.js";
export {
  Environment,
  EnvironmentClassification,
  EnvironmentProposal,
  Finding,
  Instance,
  type InventoryService,
  MemberRole,
  OperationType,
  ScopeError,
  Snapshot,
};

interface InventoryModule extends Module {
  readonly service: InventoryService;
}

export function inventoryModule(
  deps: Omit<InventoryDeps, "providers" | "classification"> &
    Omit<ProviderReportsDeps, "inventory"> &
    Omit<EnvironmentsDeps, "requireInstance" | "classification"> &
    ClassificationDeps & { readonly providers: readonly Provider[] },
): InventoryModule {
  const { db, providers } = deps;
  const byName = new Map(providers.map((provider) => [provider.name, provider]));
  const classification = createClassification(deps);
  const inventory = createInventoryService({ ...deps, classification, providers: byName });
  const requireInstance: EnvironmentsDeps["requireInstance"] = (db, id) => inventory.require(db, id, true);
  const environments = createEnvironments({ ...deps, classification, requireInstance });
  const reports = createProviderReports({ ...deps, inventory });
  for (const provider of providers) provider.reportTo(reports.reportOf(provider));

  return {
    types: [
      Instance,
      Snapshot,
      EnvironmentMapping,
      EnvironmentProposal,
      EnvironmentRulesVersion,
      Finding,
      Scope,
      InstanceChange,
    ],
    queries: { environmentRules: can("environment-mappings:read"), explainEnvironment: can("instances:read") },
    mutations: environmentMutations(environments),
    resolvers: [new MemberLogsResolver(createMemberLogs(byName)), new EnvironmentsResolver(environments)],
    tasks: [
      ...providers.map((provider) => ({
        name: `upkeep-${provider.name}`,
        cron: "* * * * *",
        run: () => provider.upkeep(),
      })),
      { name: "environment-proposals", cron: "*/10 * * * *", run: environments.expire },
      { name: "retention-inventory", cron: "29 * * * *", run: () => deleteOldInventory(db) },
    ],
    service: inventory,
  };
}
