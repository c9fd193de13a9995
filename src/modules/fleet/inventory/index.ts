/** The module of the inventory: instances, snapshots, findings and environments. */
import { can } from "../../../auth/rules.js";
import type { Module } from "../../../module.js";
import type { Provider } from "../../../providers/provider.js";
import { type ClassificationDeps, createClassification } from "./classification.service.js";
import { EnvironmentMapping } from "./environment-mapping.model.js";
import { EnvironmentProposal } from "./environment-proposal.model.js";
import { environmentMutations } from "./environments.mutations.js";
import { EnvironmentsResolver } from "./environments.resolver.js";
import { createEnvironments, type EnvironmentsDeps } from "./environments.service.js";
import { OperationType } from "./instance-objects.model.js";
import { Finding, Instance, Snapshot } from "./inventory.model.js";
import { createInventoryService, type InventoryDeps, type InventoryService } from "./inventory.service.js";
import { MemberLogsResolver } from "./member-logs.resolver.js";
import { createMemberLogs } from "./member-logs.service.js";
import { createProviderReports, type ProviderReportsDeps } from "./provider-reports.service.js";

export { DEFAULT_ENVIRONMENT_RULES, type EnvironmentRules, environmentRulesText } from "./environment-rules.js";
export { TagInput } from "./inventory.inputs.js";
export type { StoredInstance } from "./inventory.store.js";
export {
  assessOperability as assess,
  isOperable,
  isOperableForRescue as isRescuable,
  type OperabilityFacts as AssessedInstance,
  STARTING_STATUSES,
} from "./operability.js";
export { Finding, Instance, type InventoryService, OperationType, Snapshot };

interface InventoryModule extends Module {
  readonly service: InventoryService;
  /** Refreshes the inventory of every provider. One that does not answer is tried again on the schedule. */
  refresh(): Promise<void>;
}

export function inventoryModule(
  deps: Omit<InventoryDeps, "providers" | "classification"> &
    Omit<ProviderReportsDeps, "inventory"> &
    Omit<EnvironmentsDeps, "requireInstance" | "classification"> &
    ClassificationDeps & { readonly providers: readonly Provider[] },
): InventoryModule {
  const { log, providers } = deps;
  const byName = new Map(providers.map((provider) => [provider.name, provider]));
  const classification = createClassification(deps);
  const inventory = createInventoryService({ ...deps, classification, providers: byName });
  const requireInstance: EnvironmentsDeps["requireInstance"] = (db, id) => inventory.require(db, id, true);
  const environments = createEnvironments({ ...deps, classification, requireInstance });
  const reports = createProviderReports({ ...deps, inventory });
  for (const provider of providers) provider.reportTo(reports.reportOf(provider));

  const refresh = async (): Promise<void> => {
    const refreshes = providers.map((provider) =>
      inventory.refresh(provider).catch((error) => {
        log.warn({ err: error, provider: provider.name }, "inventory not refreshed; it is tried again");
      }),
    );
    await Promise.all(refreshes);
  };

  return {
    types: [Instance, Snapshot, EnvironmentMapping, EnvironmentProposal, Finding],
    queries: { environmentRules: can("environment-mappings:read"), explainEnvironment: can("instances:read") },
    mutations: environmentMutations(environments),
    resolvers: [new MemberLogsResolver(createMemberLogs(byName)), new EnvironmentsResolver(environments)],
    tasks: [
      ...providers.flatMap((provider) => [
        { name: `inventory-${provider.name}`, cron: "* * * * *", run: () => inventory.refresh(provider) },
        { name: `upkeep-${provider.name}`, cron: "* * * * *", run: () => provider.upkeep() },
      ]),
      { name: "environment-proposals", cron: "*/10 * * * *", run: environments.expire },
    ],
    start: refresh,
    service: inventory,
    refresh,
  };
}
