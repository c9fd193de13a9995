/** Every list of the API with the SQL that says the same, orders to walk them in, and rows worth walking over. */

export interface List {
  /** Where the list stands: a root field, or a relation of the row that a root field answers. */
  readonly field: string;
  readonly parent?: { readonly field: string; readonly id: string; readonly column: string };
  readonly table: string;
  readonly newestBy: string;
  /** Which rows a viewer of organization 1 sees; absent where the role may not read the type. */
  readonly own?: string;
}

export const LISTS: readonly List[] = [
  { field: "organizations", table: "organizations", newestBy: "created_at", own: "id = 1" },
  { field: "users", table: "users", newestBy: "created_at", own: "organization_id = 1" },
  { field: "scans", table: "scans", newestBy: "created_at", own: "organization_id = 1" },
  {
    field: "vulnerabilities",
    table: "vulnerabilities",
    newestBy: "created_at",
    own: "scan_id in (select id from scans where organization_id = 1)",
  },
  {
    field: "chatSessions",
    table: "chat_sessions",
    newestBy: "timestamp",
    own: "user_id in (select id from users where organization_id = 1)",
  },
  { field: "analyticsMetrics", table: "analytics_metrics", newestBy: "recorded_at", own: "organization_id = 1" },
  { field: "performanceLogs", table: "performance_logs", newestBy: "timestamp", own: "organization_id = 1" },
  { field: "instances", table: "instances", newestBy: "discovered_at", own: "true" },
  { field: "snapshots", table: "snapshots", newestBy: "created_at", own: "true" },
  { field: "operations", table: "operations", newestBy: "requested_at" },
  { field: "findings", table: "findings", newestBy: "opened_at" },
  { field: "auditLogs", table: "audit_logs", newestBy: "timestamp" },
  { field: "securityEvents", table: "security_events", newestBy: "created_at" },
  {
    parent: { field: "organization", id: "1", column: "organization_id" },
    field: "users",
    table: "users",
    newestBy: "created_at",
    own: "organization_id = 1",
  },
  {
    parent: { field: "organization", id: "1", column: "organization_id" },
    field: "scans",
    table: "scans",
    newestBy: "created_at",
    own: "organization_id = 1",
  },
  {
    parent: { field: "scan", id: "1000", column: "scan_id" },
    field: "vulnerabilities",
    table: "vulnerabilities",
    newestBy: "created_at",
    own: "true",
  },
  {
    parent: { field: "instance", id: "1", column: "instance_id" },
    field: "snapshots",
    table: "snapshots",
    newestBy: "created_at",
    own: "true",
  },
  {
    parent: { field: "instance", id: "1", column: "instance_id" },
    field: "operations",
    table: "operations",
    newestBy: "requested_at",
  },
  {
    parent: { field: "instance", id: "1", column: "instance_id" },
    field: "findings",
    table: "findings",
    newestBy: "opened_at",
  },
];

/** Of each table: its newest first, one with ties, one with absent values or a related row first, and one of five terms. */
export const ORDERS: Record<string, readonly (readonly string[])[]> = {
  organizations: [
    [],
    ["SUBSCRIPTION_TIER"],
    ["SUBSCRIPTION_TIER DESC", "NAME"],
    ["VERSION", "SUBSCRIPTION_TIER DESC", "NAME", "CREATED_AT DESC", "DOMAIN DESC"],
  ],
  users: [
    [],
    ["ROLE DESC"],
    ["ORGANIZATION_NAME DESC FIRST", "FULL_NAME ASC LAST", "ROLE DESC"],
    ["FULL_NAME DESC", "VERSION", "ROLE", "CREATED_AT", "ID DESC"],
  ],
  scans: [
    [],
    ["STATUS"],
    ["ORGANIZATION_NAME", "STARTED_AT DESC"],
    ["SCAN_TYPE", "VULNERABILITIES_FOUND DESC", "STATUS DESC", "VERSION", "STARTED_AT"],
  ],
  vulnerabilities: [
    [],
    ["SEVERITY DESC"],
    ["SCAN_STATUS DESC", "DESCRIPTION ASC LAST", "SCAN_STARTED_AT"],
    ["DESCRIPTION DESC", "VULN_TYPE", "SEVERITY", "TITLE DESC", "CREATED_AT"],
  ],
  chat_sessions: [
    [],
    ["SESSION_ID"],
    ["USER_FULL_NAME DESC FIRST", "RESPONSE"],
    ["RESPONSE DESC", "SESSION_ID", "VERSION DESC", "MESSAGE", "TIMESTAMP"],
  ],
  analytics_metrics: [
    [],
    ["VALUE"],
    ["ORGANIZATION_CREATED_AT DESC", "ORGANIZATION_NAME", "VALUE DESC LAST"],
    ["VERSION", "METRIC_TYPE DESC", "VALUE", "RECORDED_AT", "ID"],
  ],
  performance_logs: [
    [],
    ["RESPONSE_TIME_MS DESC"],
    ["SERVICE_NAME DESC", "RESPONSE_TIME_MS"],
    ["VERSION DESC", "SERVICE_NAME", "ENDPOINT DESC", "RESPONSE_TIME_MS", "TIMESTAMP"],
  ],
  instances: [
    [],
    ["MULTI_AZ"],
    ["STORAGE_GIB ASC LAST", "MULTI_AZ DESC"],
    ["VANISHED_AT DESC", "REGION", "MULTI_AZ", "STORAGE_GIB DESC", "STATUS"],
  ],
  operations: [
    [],
    ["SUCCESS"],
    ["SNAPSHOT_AUTOMATED", "SNAPSHOT_SIZE_BYTES DESC FIRST", "STARTED_AT ASC LAST"],
    ["DURATION_SECONDS DESC", "SUCCESS", "TYPE", "ENDED_AT DESC", "STATUS"],
  ],
  findings: [
    [],
    ["SEVERITY DESC"],
    ["INSTANCE_STORAGE_GIB DESC FIRST", "SUBJECT ASC LAST"],
    ["RESOLVED_AT DESC", "SEVERITY", "KIND", "SUBJECT", "OPENED_AT"],
  ],
  snapshots: [
    [],
    ["AUTOMATED DESC"],
    ["INSTANCE_STORAGE_GIB DESC FIRST", "SIZE_BYTES"],
    ["SIZE_BYTES DESC", "AUTOMATED", "STATUS", "CREATED_AT", "ARN DESC"],
  ],
  audit_logs: [
    [],
    ["ACTION"],
    ["RESOURCE_ID DESC FIRST", "SUCCESS ASC LAST"],
    ["SUCCESS DESC", "RESOURCE_TYPE", "DURATION_SECONDS", "REQUEST_ID DESC", "RESOURCE_ID"],
  ],
  security_events: [
    [],
    ["EVENT_STATUS DESC"],
    ["USER_FULL_NAME ASC LAST", "IP_ADDRESS DESC FIRST"],
    ["USER_AGENT DESC", "IP_ADDRESS", "EVENT_STATUS", "EVENT_TYPE DESC", "CREATED_AT"],
  ],
};

/** Some 60 rows in each table, of one list more than a page can hold: ties, nulls, neighbouring microseconds, keys beyond 2^53. */
export const ROWS = `
  delete from vulnerabilities; delete from scans; delete from chat_sessions; delete from analytics_metrics;
  delete from performance_logs; delete from security_events;
  create function pg_temp.at(n bigint) returns timestamptz language sql as
    $$ select '2026-03-01T10:00:00.999998Z'::timestamptz + (n / 3) * interval '1 microsecond' $$;
  create function pg_temp.word(n bigint) returns text language sql as
    $$ select (array[null, 'plain', '', E'"quoted" \\\\ \\n', 'Ünïcode 🦄', null, 'Plain', '{"a":[1]}', repeat('long', 100)])[1 + n % 9] $$;
  create function pg_temp.number(n bigint) returns float8 language sql as
    $$ select (array[0.1, -1.5, 1e300, 1e-300, 0, 123456789.123456789, -0.0, 1.0/3])[1 + n % 8] $$;
  insert into organizations (name, domain, subscription_tier, created_at)
    select 'Name ' || n % 4, 'o' || n || '.example', (array['FREE', 'PRO'])[1 + n % 2], pg_temp.at(n) from generate_series(1, 38) n;
  insert into users (email, password_hash, full_name, role, organization_id, created_at)
    select n || '@w.example', '', pg_temp.word(n), (array['VIEWER', 'ANALYST']::role[])[1 + n % 2], 1 + n % 2, pg_temp.at(n) from generate_series(1, 50) n;
  insert into scans (id, organization_id, target_url, scan_type, status, started_at, created_at, version)
    select case when n % 3 = 0 then 9007199254740990 + n else 999 + n end, 1 + n / 2 % 2, 'https://w.example/' || n, (array['FULL', 'API', 'full'])[1 + n % 3],
      (enum_range(null::scan_status))[1 + n % 5], pg_temp.at(n % 10), pg_temp.at(n), 1 + n % 2 from generate_series(1, 60) n;
  insert into vulnerabilities (scan_id, severity, vuln_type, title, description, created_at)
    select case when n > 14 then 1000 else 999 + n end, (enum_range(null::severity))[1 + n % 5], 'T' || n % 2, 't' || n % 7, pg_temp.word(n), pg_temp.at(n)
    from generate_series(1, 118) n where n = 1 or n > 14 or n % 3 <> 0;
  insert into chat_sessions (user_id, session_id, message, response, timestamp)
    select (select id from users where email = n || '@w.example'), 's' || n % 3, 'm', pg_temp.word(n), pg_temp.at(n) from generate_series(1, 50) n;
  insert into analytics_metrics (organization_id, metric_type, value, recorded_at)
    select 1 + n % 2, 'm' || n % 3, pg_temp.number(n), pg_temp.at(n) from generate_series(1, 60) n;
  insert into performance_logs (organization_id, service_name, endpoint, response_time_ms, timestamp)
    select nullif(n % 3, 2) + 1, 's' || n % 3, '/' || n % 2, abs(pg_temp.number(n)), pg_temp.at(n) from generate_series(1, 60) n;
  insert into security_events (event_type, event_status, ip_address, user_id, user_agent, created_at)
    select 'e' || n % 3, (array['SUCCESS', 'FAILURE', 'WARNING'])[1 + n % 3], case when n % 4 > 0 then '10.0.0.' || n % 5 end, nullif(n % 6, 0), pg_temp.word(n), pg_temp.at(n)
    from generate_series(1, 60) n;
  insert into audit_logs (actor, action, resource_type, resource_id, success, duration_seconds, request_id, timestamp)
    select '{}', 'a' || n % 3, 'r' || n % 2, pg_temp.word(n), nullif(n % 3, 2) = 1, nullif(pg_temp.number(n), 0), nullif(n % 5, 0)::text, pg_temp.at(n)
    from generate_series(1, 50) n;
  insert into instances (id, provider, provider_id, identifier, region, engine, engine_version, storage_gib, multi_az, status, members, tags, environment,
      classification, discovered_at, vanished_at)
    select n, 'w', n::text, 'w' || n, case when n % 3 > 0 then 'r' || n % 2 end, 'postgres', '15', nullif(n % 4, 0), n % 2 = 0, 's' || n % 2, '[]', '[]', 'TEST',
      '{}', pg_temp.at(n), case when n % 2 = 0 then pg_temp.at(n % 8) end from generate_series(1, 50) n;
  insert into snapshots (instance_id, identifier, arn, uid, status, size_bytes, tags, automated, created_at)
    select 1 + n / 50, 'p' || n, 'a' || n, 'u' || n, 's' || n % 2, nullif(n % 6, 0) * 1e15, '[]', n % 2 = 0, pg_temp.at(n) from generate_series(1, 60) n;
  insert into findings (instance_id, kind, severity, subject, detail, opened_at, resolved_at)
    select 1 + n / 50, 'k' || n % 3, (enum_range(null::alert_severity))[1 + n % 3], case when n % 4 > 0 then 's' || n % 5 end, 'd' || n % 2, pg_temp.at(n), pg_temp.at(n % 8)
    from generate_series(1, 60) n;
  insert into operations (type, instance_id, snapshot_id, parameters, status, success, requested_by, requested_at, started_at, ended_at, duration_seconds)
    select (enum_range(null::operation_type))[1 + n % 3], 1 + n / 50, (select id from snapshots where identifier = 'p' || n % 20), '{}', (array['SUCCEEDED', 'FAILED', 'CANCELLED']::operation_status[])[1 + n % 3],
      nullif(n % 3, 2) = 1, '{}', pg_temp.at(n), case when n % 4 > 0 then pg_temp.at(n % 9) end, case when n % 5 > 0 then pg_temp.at(n % 7) end,
      case when n % 3 > 0 then pg_temp.number(n) end from generate_series(1, 60) n;`;

export type Term = { field: string; direction: string; nulls?: string };
export const termsOf = (order: readonly string[]): Term[] =>
  order.map((text) => {
    const [field, direction = "ASC", nulls] = text.split(" ");
    return { field: field!, direction, ...(nulls && { nulls }) };
  });

/** What an order by a related row's field looks at, where that is more than a column. */
const RELATED: Record<string, string> = {
  ORGANIZATION_NAME: "(select r.name from organizations r where r.id = t.organization_id)",
  ORGANIZATION_CREATED_AT: "(select r.created_at from organizations r where r.id = t.organization_id)",
  SCAN_STATUS: "(select r.status from scans r where r.id = t.scan_id)",
  SCAN_STARTED_AT: "(select r.started_at from scans r where r.id = t.scan_id)",
  USER_FULL_NAME: "(select r.full_name from users r where r.id = t.user_id)",
  INSTANCE_STORAGE_GIB: "(select r.storage_gib from instances r where r.id = t.instance_id)",
  SNAPSHOT_SIZE_BYTES: "(select r.size_bytes from snapshots r where r.id = t.snapshot_id)",
  SNAPSHOT_AUTOMATED: "(select r.automated from snapshots r where r.id = t.snapshot_id)",
};

/** Absent values are the smallest unless said otherwise; ties fall to the id, which goes the way of the last term. */
export const orderInSql = ({ newestBy }: List, order: readonly string[]) => {
  const terms = order.length > 0 ? termsOf(order) : termsOf([`${newestBy} DESC`]);
  return [...terms, { field: "id", direction: terms.at(-1)!.direction }]
    .map(
      ({ field, direction, nulls = direction === "ASC" ? "FIRST" : "LAST" }: Term) =>
        `${RELATED[field] ?? `t.${field}`} ${direction} nulls ${nulls}`,
    )
    .join();
};
