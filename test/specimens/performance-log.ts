import { PerformanceLog } from "../../src/modules/data/telemetry/telemetry.model.js";
import { organization } from "./organization.js";
import { inserted, type Specimen } from "./specimen.js";
import { FIRST, ids, MOMENTS, numberOf, OURS, pick, TEXTS } from "./values.js";

const AT = "2026-03-01T10:00:00.123456Z";

export const performanceLog: Specimen = {
  type: PerformanceLog,
  newestBy: "timestamp",
  owner: { column: "organization_id" },
  references: { organization: { to: organization, column: "organization_id", inverse: "performanceLogs" } },
  readers: ["VIEWER", "ANALYST", "DBA", "ADMIN"],
  inDemo: true,
  insert: (app) =>
    inserted(
      app,
      "performance_logs (organization_id, service_name, endpoint, response_time_ms) values (1, 's', '/', 1)",
    ),
  elsewhere: `
    insert into performance_logs (organization_id, service_name, endpoint, response_time_ms)
    select 2, 'theirs', '/', n from generate_series(1, 5) n`,
  writes: {
    roles: ["ANALYST", "ADMIN"],
    resource: "performance-log",
    create: () => ({ serviceName: "api", endpoint: "/graphql", responseTimeMs: 12.5, timestamp: AT }),
    changes: { responseTimeMs: 0 },
    selection: "serviceName endpoint responseTimeMs timestamp organization { id }",
    created: () => ({
      serviceName: "api",
      endpoint: "/graphql",
      responseTimeMs: 12.5,
      timestamp: AT,
      organization: { id: "1" },
    }),
    within: { field: "organizationId", to: organization, own: "1" },
    // The first is the platform's.
    known: "2",
    forms: {
      serviceName: { max: 100, malformed: [""] },
      endpoint: { max: 2048, malformed: [""] },
      responseTimeMs: { malformed: [-1] },
    },
  },
  paging: {
    orders: [
      ["RESPONSE_TIME_MS DESC"],
      ["ORGANIZATION_NAME DESC FIRST", "SERVICE_NAME DESC", "RESPONSE_TIME_MS"],
      ["VERSION DESC", "SERVICE_NAME", "ENDPOINT DESC", "RESPONSE_TIME_MS", "TIMESTAMP"],
    ],
    rows: `
      delete from performance_logs;
      insert into performance_logs (organization_id, service_name, endpoint, response_time_ms, timestamp)
      select nullif(n % 3, 2) + 1, 's' || n % 3, '/' || n % 2, abs(pg_temp.number(n)), pg_temp.at(n) from generate_series(1, 60) n`,
  },
  generated: {
    insert: (sql) =>
      sql`insert into performance_logs ${sql(
        ids(40).map((id, n) => {
          const organization = pick([1, null, 2, FIRST], n);
          return {
            id,
            organization_id: organization,
            service_name: pick(["graphql", "GraphQL", ""], n),
            endpoint: pick(TEXTS, n),
            response_time_ms: numberOf(organization, n + 1),
            timestamp: pick(MOMENTS, n),
          };
        }),
      )}`,
    steps: {
      "other values": `
        update performance_logs set service_name = '', endpoint = '%', response_time_ms = 1e15
        where organization_id is distinct from ${OURS}`,
      "as many rows again, with our own values": `
        insert into performance_logs (organization_id, service_name, endpoint, response_time_ms, timestamp)
        select n, service_name, endpoint, response_time_ms, timestamp from performance_logs, unnest(array[2, null]) n
        where organization_id = ${OURS}`,
      "the same rows, somebody else's": `update performance_logs set organization_id = 2 where organization_id is null`,
      "none at all": `delete from performance_logs where organization_id is distinct from ${OURS}`,
    },
  },
};
