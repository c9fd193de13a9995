import { EnvironmentProposal } from "../../src/modules/fleet/inventory/environment-proposal.model.js";
import { insertBusyInstance, insertProposal } from "../support/fleet-port.js";
import { instance } from "./instance.js";
import type { Specimen } from "./specimen.js";

export const environmentProposal: Specimen = {
  type: EnvironmentProposal,
  newestBy: "created_at",
  owner: "staff",
  references: { instance: { to: instance, column: "instance_id" } },
  readers: ["DBA", "SECURITY", "ADMIN"],
  inDemo: false,
  insert: async (app) => insertProposal(app, await insertBusyInstance(app)),
  paging: {
    orders: [
      ["STATUS DESC"],
      ["INSTANCE_STORAGE_GIB DESC FIRST", "COMMENT ASC LAST", "RULES_VERSION DESC"],
      ["DECIDED_AT DESC", "ACCOUNT_ID", "ENVIRONMENT", "REASON DESC", "CREATED_AT"],
    ],
    parent: "1",
    rows: `
      insert into environment_proposals (kind, status, instance_id, account_id, environment, rules_version, reason, changes, change_count, covered, created_by, created_at, expires_at, decided_at, comment)
      select 'MAPPING', (enum_range(null::environment_proposal_status))[1 + n % 5], case when n % 3 > 0 then 1 + n / 50 end, case when n % 3 = 0 then 'a' || n % 2 end,
        (array[null, 'TEST', 'POC']::environment[])[1 + n % 3], nullif(n % 4, 0), 'r' || n % 2, '[]', 0, '{}', '{}', pg_temp.at(n), pg_temp.at(n), case when n % 2 = 0 then pg_temp.at(n % 8) end, pg_temp.word(n)
      from generate_series(1, 60) n`,
  },
  generated: null,
};
