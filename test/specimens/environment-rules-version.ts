import { DEFAULT_ENVIRONMENT_RULES } from "../../src/modules/fleet/inventory/environment-rules.js";
import { EnvironmentRulesVersion } from "../../src/modules/fleet/inventory/environment-rules.model.js";
import { inserted, type Specimen } from "./specimen.js";

/** They count, and so say what counted before. */
const RULES = `'${JSON.stringify(DEFAULT_ENVIRONMENT_RULES)}'`;

export const environmentRulesVersion: Specimen = {
  type: EnvironmentRulesVersion,
  newestBy: "created_at",
  owner: "staff",
  references: {},
  readers: ["DBA", "SECURITY", "ADMIN"],
  inDemo: false,
  insert: (app) =>
    inserted(
      app,
      `environment_rules (version, rules, reason, created_by)
        values ((select coalesce(max(version), 0) + 1 from environment_rules), ${RULES}, 'r', '{"type": "system", "name": "test"}')`,
    ),
  paging: {
    orders: [["VERSION DESC"], ["REASON DESC", "VERSION"], ["CREATED_AT", "REASON"]],
    rows: `
      insert into environment_rules (version, rules, reason, created_by, created_at)
      select n, ${RULES}, 'r' || n % 3, '{}', pg_temp.at(n % 7) from generate_series(1, 60) n`,
  },
  generated: null,
};
