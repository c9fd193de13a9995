/** The rows that generated queries meet, beside the demo's: few, with many ties, gaps and awkward values, the same at every run. */
import type { TestApp } from "../support/app.js";

/** Texts that SQL, LIKE, JSON or a collation could get wrong. */
export const TEXTS = [
  "",
  " ",
  "a",
  "A",
  "ab",
  "aB%",
  "%",
  "_",
  "a_b",
  "axb",
  "\\",
  "a\\%b",
  "'",
  '"quoted"',
  "line\nbreak\ttab",
  "é",
  "É",
  "e\u0301te",
  "x\u0302y",
  "ΟΔΟΣΑ",
  "οδος",
  "Straße",
  "GROẞ",
  "MASSE",
  "İstanbul ısı",
  "ﬁn",
  "ᾳ ΐ",
  "각\u1100\u1161\u11a8",
  "漢字",
  "😀 end",
  "\uFFFD",
  "null",
  "Z",
  "zebra",
] as const;

/** Moments that differ by a microsecond, or not at all. */
const MOMENTS = [
  "2026-03-01T10:00:00.000000Z",
  "2026-03-01T10:00:00.000001Z",
  "2026-03-01T10:00:00.999999Z",
  "2026-03-01T10:00:00.000000Z",
  "2026-02-28T23:59:59.999999Z",
  "2026-03-02T00:00:00.000000Z",
  "2026-03-30T00:00:00.5Z",
  "2025-12-31T23:30:00.123456Z",
] as const;

const NUMBERS = [0, -1.5, 0.1, 1e-7, 123456.789, 1e15, -2.25, 0.1, 42, 42, 1e300, -1e300, 1.2e306] as const;

/** Numbers whose sums are exact in every order, for the organization that compares bytes. */
const EXACT = [0, -1.5, 0.125, 123456.75, 1e12, -2.25, 42, 42, 1e300] as const;
const numberOf = (organization: number | null, n: number) => pick(organization === 1 ? EXACT : NUMBERS, n);

const JSONS = [
  '{"type": "user", "id": "1", "roles": ["a", "b"], "deep": {"n": 1.5, "none": null}}',
  '{"type": "system"}',
  '{"a": {"b": [1, 2, {"c": "x"}]}, "text": "quote \\" é 😀"}',
  "[1, 2, 3]",
  '["x", {"y": []}]',
  '"text"',
  "12.50",
  "true",
  "null",
  "{}",
  "[]",
] as const;

/** For columns that are never absent, as the API says it: JSON's null would be. */
const PRESENT_JSONS = JSONS.filter((text) => text !== "null");

const SEVERITIES = ["CRITICAL", "HIGH", "MEDIUM", "LOW", "INFO"] as const;
const STATUSES = ["PENDING", "RUNNING", "COMPLETED", "FAILED", "CANCELLED"] as const;
const TYPES = ["FULL", "full", "API", "a%", "a_"] as const;

/** Item n of an endless, uneven repetition of a list. */
const pick = <T>(list: readonly T[], n: number): T => list[(n * 7 + Math.floor(n / 5)) % list.length] as T;
const sometimes = <T>(value: T, n: number, every: number): T | null => (n % every === 0 ? null : value);
const range = (count: number) => Array.from({ length: count }, (_, index) => index);

/** Keys of what is inserted here begin at this one. */
const FIRST = 1001;
const ids = (count: number) => range(count).map((n) => FIRST + n);

/** Ids of organizations: one has no rows at all, and the others share with the demo's. */
export const ORGANIZATIONS = ids(3);

/** Staff belong to none. */
const USERS = [
  ["VIEWER", 1],
  ["ANALYST", 1],
  ["VIEWER", 2],
  ["ANALYST", FIRST],
  ["VIEWER", FIRST + 1],
  ["DBA", null],
  ["ADMIN", null],
  ["SECURITY", 1],
] as const;

/** Inserts the rows, and gives what the template seeded by the clock a fixed time. */
export async function insertData({ sql }: Pick<TestApp, "sql">): Promise<void> {
  await sql`update users set created_at = '2026-01-01T00:00:00Z' where email = 'root@postern.example'`;
  await sql`delete from security_events where created_at > '2026-06-01T00:00:00Z'`;
  await sql`insert into organizations ${sql(
    ORGANIZATIONS.map((id, n) => ({
      id,
      name: pick(["Same", "Same", "É%_\\"], n),
      domain: `${n}.Generated.example`,
      subscription_tier: pick(["FREE", "PRO"], n),
      created_at: pick(MOMENTS, n),
      version: n + 1,
    })),
  )}`;
  await sql`insert into users ${sql(
    USERS.map(([role, organization], n) => ({
      id: FIRST + n,
      email: `${n}_%@Generated.example`,
      password_hash: "none",
      full_name: sometimes(pick(TEXTS, n), n, 3),
      role,
      organization_id: organization,
      created_at: pick(MOMENTS, n),
      version: 1 + (n % 2),
    })),
  )}`;
  await sql`insert into scans ${sql(
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
  )}`;
  await sql`insert into vulnerabilities ${sql(
    ids(150).map((id, n) => ({
      id,
      // Some scans have none, and some of the demo's have more.
      scan_id: n % 6 === 0 ? 1 + (n % 60) : FIRST + ((n * n) % 37),
      severity: pick(SEVERITIES, n),
      vuln_type: pick(["XSS", "xss", "X", "SQL_INJECTION"], n),
      title: pick(TEXTS, n + 1),
      description: sometimes(pick(TEXTS, n + 4), n, 2),
      created_at: pick(MOMENTS, n),
      version: 1 + (n % 2),
    })),
  )}`;
  await sql`insert into chat_sessions ${sql(
    ids(25).map((id, n) => ({
      id,
      user_id: FIRST + (n % USERS.length),
      session_id: pick(["s", "S", "t%"], n),
      message: pick(TEXTS, n),
      response: sometimes(pick(TEXTS, n + 2), n, 3),
      timestamp: pick(MOMENTS, n),
    })),
  )}`;
  await sql`insert into analytics_metrics ${sql(
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
  )}`;
  await sql`insert into performance_logs ${sql(
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
  )}`;
  // Late, so that retention never removes them.
  for (const n of range(40)) {
    await sql`
      insert into audit_logs
        (id, actor, action, resource_type, resource_id, parameters, result, success, duration_seconds, request_id, timestamp)
      values (${FIRST + n}, ${pick(PRESENT_JSONS, n)}::text::jsonb, ${pick(["scan.create", "operation.ended", ""], n)},
        ${pick(["operation", "Scan", "scan"], n)}, ${sometimes(pick(TEXTS, n), n, 4)},
        ${sometimes(pick(JSONS, n + 1), n, 3)}::text::jsonb, ${sometimes(pick(JSONS, n + 2), n, 4)}::text::jsonb,
        ${sometimes(n % 2 === 0, n, 5)}, ${sometimes(pick(NUMBERS, n), n, 3)}, ${sometimes(`r-${n % 4}`, n, 6)},
        ${pick(MOMENTS, n).replace(/^202\d/, "2099")})`;
    await sql`
      insert into security_events
        (id, event_type, event_status, ip_address, user_id, user_agent, location, metadata, created_at)
      values (${FIRST + n}, ${pick(["authn_login_fail", "authz_fail", "%"], n)},
        ${pick(["SUCCESS", "WARNING", "FAILURE"], n)}, ${sometimes(`203.0.113.${n % 3}`, n, 4)},
        ${pick([null, FIRST, FIRST + 1, FIRST + 6, 987654], n)}, ${sometimes(pick(TEXTS, n), n, 3)},
        ${sometimes(pick(JSONS, n), n, 3)}::text::jsonb, ${sometimes(pick(JSONS, n + 3), n, 2)}::text::jsonb,
        ${pick(MOMENTS, n)})`;
  }
}
