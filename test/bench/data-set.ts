/** The rows of the benchmark, made by PostgreSQL itself: the same at every load, whatever the machine. */

export interface TableRows {
  readonly table: string;
  readonly rows: number;
  /** `insert into ... select`. Triggers are off while it runs. */
  readonly insert: string;
}

/** `pick(i, salt, n)`: evenly spread over 0 to n - 1, the same for the same row. */
export const PICK = `create function pg_temp.pick(i bigint, salt int, n int) returns int language sql immutable as
  $$ select ((hashint8extended(i, salt) & 2147483647) % n)::int $$`;

/** The first type is a fifth of all events, so that it fills more than 1,000 pages; the others share the rest. */
export const EVENT_TYPES = [
  ...["sign_in", "sign_in_refused", "sign_out", "password_change", "password_reset", "mfa_enrolment", "mfa_challenge"],
  ...["token_refresh", "token_revocation", "permission_refused", "rate_limit_hit", "scan_start", "scan_end"],
  ...["scan_failure", "api_key_issue", "api_key_revocation", "data_export", "settings_change", "invitation", "anomaly"],
];

export const ORGANIZATIONS = 1000;
/** Organizations above this one receive what the benchmark inserts, and are not read. */
export const READ_ORGANIZATIONS = 900;

const list = (...values: string[]) => `array[${values.map((value) => `'${value.replaceAll("'", "''")}'`).join(", ")}]`;
const one = (salt: number, ...values: string[]) =>
  `(${list(...values)})[1 + pg_temp.pick(i, ${salt}, ${values.length})]`;

/** @param scale multiplies scans, vulnerabilities and events; the time they cover stays */
export function dataSet(scale: number): readonly TableRows[] {
  const scans = 100_000 * scale;
  const scanStart = (scan: string) =>
    `timestamptz '2025-01-01 00:00:00Z' + ${scan} * interval '97 seconds' / ${scale} + pg_temp.pick(${scan}, 30, 900) * interval '1 millisecond'`;
  const rows = (count: number, insert: string, more = ""): TableRows => ({
    table: /into (\w+)/.exec(insert)![1]!,
    rows: count,
    insert: `${insert} from generate_series(1, ${count}) i${more}`,
  });
  return [
    rows(
      ORGANIZATIONS,
      `insert into organizations (id, name, domain, subscription_tier, created_at)
      select i, 'Organization ' || i, 'customer' || i || '.example', ${one(1, "FREE", "PRO", "BUSINESS", "ENTERPRISE")},
        timestamptz '2024-01-01 00:00:00Z' + i * interval '1 hour'`,
    ),
    rows(
      10_000,
      `insert into users (id, email, password_hash, full_name, role, organization_id, created_at)
      select i, 'person' || i || '@customer' || 1 + i % ${ORGANIZATIONS} || '.example', 'nobody signs in with this',
        ${one(2, "Ada", "Björn", "Chloé", "Dmitri", "Esra", "Femi", "Grażyna", "Hiroshi")} || ' ' ||
        ${one(3, "Adeyemi", "Brown", "Çelik", "D'Souza", "Eriksen", "Fernández", "Gupta", "Haas")},
        ${one(4, "VIEWER", "ANALYST", "DBA")}::role, 1 + i % ${ORGANIZATIONS},
        timestamptz '2024-02-15 00:00:00Z' + i * interval '11 minutes'`,
    ),
    // As many for each organization, side by side in the table, one later than the other.
    rows(
      scans,
      `insert into scans (id, organization_id, target_url, scan_type, status, started_at, vulnerabilities_found, created_at)
      select i, 1 + (i - 1) % ${ORGANIZATIONS},
        'https://service' || pg_temp.pick(i, 10, 50) || '.customer' || 1 + (i - 1) % ${ORGANIZATIONS} || '.example/' ||
          substr(md5('scan ' || i), 1, 10),
        ${one(11, "FULL", "QUICK", "API", "NETWORK", "COMPLIANCE")},
        ${one(12, "COMPLETED", "COMPLETED", "COMPLETED", "RUNNING", "FAILED", "PENDING")}::scan_status,
        ${scanStart("i")}, 5, ${scanStart("i")}`,
    ),
    // Five for each scan, far from each other in the table.
    rows(
      5 * scans,
      `insert into vulnerabilities (id, scan_id, severity, vuln_type, title, description, created_at)
      select i, scan, ${one(20, "CRITICAL", "HIGH", "MEDIUM", "LOW")}::severity, kind,
        kind || ' through parameter "' || substr(md5('title ' || i), 1, 6) || '"',
        'Probe ' || md5('description ' || i) || ' found ' || kind ||
          ' here. Who uses it may read or change what is not theirs: update the component, and check what it is given.',
        ${scanStart("scan")} + (1 + (i - 1) / ${scans}) * interval '90 seconds'`,
      `, lateral (select 1 + (i - 1) % ${scans} as scan, ${one(21, "SQL_INJECTION", "XSS", "CSRF", "SSRF", "OPEN_REDIRECT", "RCE", "PATH_TRAVERSAL", "WEAK_TLS", "IDOR", "XXE")} as kind) derived`,
    ),
    rows(
      1_000_000 * scale,
      `insert into security_events
        (id, event_type, event_status, ip_address, user_id, user_agent, location, metadata, created_at)
      select i, (${list(...EVENT_TYPES)})[case pg_temp.pick(i, 40, 5)
          when 0 then 1 else 2 + pg_temp.pick(i, 41, ${EVENT_TYPES.length - 1}) end],
        ${one(42, "SUCCESS", "SUCCESS", "FAILURE", "WARNING")},
        10 + pg_temp.pick(i, 43, 200) || '.' || pg_temp.pick(i, 44, 256) || '.' || pg_temp.pick(i, 45, 256) || '.' ||
          1 + pg_temp.pick(i, 46, 254),
        case when pg_temp.pick(i, 47, 5) > 0 then 1 + pg_temp.pick(i, 48, 10000) end,
        ${one(
          49,
          "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
          "Mozilla/5.0 (Macintosh; Intel Mac OS X 15_6) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Safari/605.1.15",
          "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:143.0) Gecko/20100101 Firefox/143.0",
          "curl/8.14.1",
          "python-requests/2.32.5",
        )},
        jsonb_build_object('country', ${one(50, "NL", "DE", "US", "FR", "BR", "IN", "JP", "ZA")},
          'city', 'City ' || pg_temp.pick(i, 51, 500), 'latitude', (pg_temp.pick(i, 52, 18000) - 9000) / 100.0::float8,
          'longitude', (pg_temp.pick(i, 53, 36000) - 18000) / 100.0::float8),
        jsonb_build_object('requestId', md5('event ' || i), 'risk', pg_temp.pick(i, 54, 100), 'mfa', pg_temp.pick(i, 55, 2) = 0,
          'tags', jsonb_build_array('tag' || pg_temp.pick(i, 56, 30), 'tag' || pg_temp.pick(i, 57, 30))),
        timestamptz '2025-06-01 00:00:00Z' + i * interval '31 seconds' / ${scale} +
          pg_temp.pick(i, 58, 900) * interval '1 millisecond'`,
    ),
  ];
}
