import { AnalyticsMetric } from "../../src/modules/data/telemetry/telemetry.model.js";
import { organization } from "./organization.js";
import { inserted, type Specimen } from "./specimen.js";
import { FIRST, ids, MOMENTS, numberOf, OURS, pick } from "./values.js";

const AT = "2026-03-01T10:00:00.123456Z";

export const analyticsMetric: Specimen = {
  type: AnalyticsMetric,
  newestBy: "recorded_at",
  owner: { column: "organization_id" },
  references: { organization: { to: organization, column: "organization_id", inverse: "analyticsMetrics" } },
  readers: ["VIEWER", "ANALYST", "ADMIN"],
  inDemo: true,
  insert: (app) => inserted(app, "analytics_metrics (organization_id, metric_type, value) values (1, 'm', 1)"),
  writes: {
    roles: ["ANALYST", "ADMIN"],
    resource: "analytics-metric",
    create: () => ({ metricType: "risk", value: 0.1, recordedAt: AT }),
    changes: { value: -1.5e300 },
    selection: "metricType value recordedAt organization { id }",
    created: () => ({ metricType: "risk", value: 0.1, recordedAt: AT, organization: { id: "1" } }),
    within: { field: "organizationId", to: organization, own: "1" },
    forms: { metricType: { max: 100, malformed: [""] } },
  },
  paging: {
    orders: [
      ["VALUE"],
      ["ORGANIZATION_CREATED_AT DESC", "ORGANIZATION_NAME", "VALUE DESC LAST"],
      ["VERSION", "METRIC_TYPE DESC", "VALUE", "RECORDED_AT", "ID"],
    ],
    rows: `
      delete from analytics_metrics;
      insert into analytics_metrics (organization_id, metric_type, value, recorded_at)
      select 1 + n % 2, 'm' || n % 3, pg_temp.number(n), pg_temp.at(n) from generate_series(1, 60) n`,
  },
  generated: {
    insert: (sql) =>
      sql`insert into analytics_metrics ${sql(
        ids(40).map((id, n) => {
          const organization = pick([1, 2, FIRST], n);
          return {
            id,
            organization_id: organization,
            metric_type: pick(["m", "M", "m_1"], n),
            value: numberOf(organization, n),
            recorded_at: pick(MOMENTS, n),
          };
        }),
      )}`,
    steps: {
      "other values": `
        update analytics_metrics set metric_type = 'm', value = -value, recorded_at = recorded_at + interval '1 microsecond'
        where organization_id <> ${OURS}`,
      "as many rows again, with our own values": `
        insert into analytics_metrics (organization_id, metric_type, value, recorded_at)
        select 2, metric_type, value, recorded_at from analytics_metrics where organization_id = ${OURS}`,
      "the same rows, somebody else's": `update analytics_metrics set organization_id = 1003 where organization_id <> ${OURS}`,
      "none at all": `delete from analytics_metrics where organization_id <> ${OURS}`,
    },
  },
};
