import { Scan } from "../../src/modules/data/scans/scans.model.js";
import { organization } from "./organization.js";
import { inserted, SECRET, type Specimen } from "./specimen.js";
import { FIRST, ids, MOMENTS, OURS, pick, TEXTS } from "./values.js";

const STATUSES = ["PENDING", "RUNNING", "COMPLETED", "FAILED", "CANCELLED"] as const;
const TYPES = ["FULL", "full", "API", "a%", "a_"] as const;
const AT = "2026-03-01T10:00:00.123456Z";

export const scan: Specimen = {
  type: Scan,
  newestBy: "created_at",
  owner: { column: "organization_id" },
  references: { organization: { to: organization, column: "organization_id", inverse: "scans" } },
  readers: ["VIEWER", "ANALYST", "ADMIN"],
  inDemo: true,
  insert: (app) =>
    inserted(app, "scans (organization_id, target_url, scan_type) values (1, 'https://n.example/', 'FULL')"),
  writes: {
    roles: ["ANALYST", "ADMIN"],
    resource: "scan",
    create: () => ({ targetUrl: "https://new.example/", scanType: "full", startedAt: AT }),
    changes: { status: "RUNNING" },
    selection: "targetUrl scanType status startedAt vulnerabilitiesFound organization { id }",
    created: () => ({
      targetUrl: "https://new.example/",
      scanType: "full",
      status: "PENDING",
      startedAt: AT,
      vulnerabilitiesFound: 0,
      organization: { id: "1" },
    }),
    within: { field: "organizationId", to: organization, own: "1" },
    forms: {
      targetUrl: { max: 2048, malformed: ["", SECRET, `javascript:${SECRET}`, `ftp://${SECRET}/`] },
      scanType: { max: 50, malformed: [""] },
    },
    statements: {
      create: { selection: "scan { id organization { name } }" },
      update: {
        selection: "scan { id vulnerabilities { totalCount } }",
        sent: ["update scans and audit_logs", "select"],
      },
    },
  },
  paging: {
    orders: [
      ["STATUS"],
      ["ORGANIZATION_NAME", "STARTED_AT DESC"],
      ["SCAN_TYPE", "VULNERABILITIES_FOUND DESC", "STATUS DESC", "VERSION", "STARTED_AT"],
    ],
    // Some keys beyond 2^53.
    rows: `
      delete from scans;
      insert into scans (id, organization_id, target_url, scan_type, status, started_at, created_at, version)
      select case when n % 3 = 0 then 9007199254740990 + n else 999 + n end, 1 + n / 2 % 2, 'https://w.example/' || n, (array['FULL', 'API', 'full'])[1 + n % 3],
        (enum_range(null::scan_status))[1 + n % 5], pg_temp.at(n % 10), pg_temp.at(n), 1 + n % 2 from generate_series(1, 60) n`,
    parent: "1000",
  },
  generated: {
    insert: (sql) =>
      sql`insert into scans ${sql(
        ids(40).map((id, n) => ({
          id,
          organization_id: pick([1, 1, 2, FIRST, FIRST + 1], n),
          target_url: pick(TEXTS, n),
          scan_type: pick(TYPES, n),
          status: pick(STATUSES, n),
          started_at: pick(MOMENTS, n + 3),
          created_at: pick(MOMENTS, n),
          version: 1 + (n % 3),
        })),
      )}`,
    steps: {
      "other values": `
        update scans set target_url = '', scan_type = 'FULL', status = 'RUNNING', version = version + 1,
          started_at = '2026-03-01T10:00:00.000001Z', created_at = created_at + interval '90 days' where organization_id <> ${OURS}`,
      "as many rows again, with our own values": `
        insert into scans (organization_id, target_url, scan_type, status, started_at, created_at, version)
        select 2, target_url, scan_type, status, started_at, created_at, version from scans where organization_id = ${OURS}`,
      "the same rows, somebody else's": `update scans set organization_id = 1001 where organization_id = 2`,
      "none at all": `delete from scans where organization_id <> ${OURS}`,
    },
  },
};
