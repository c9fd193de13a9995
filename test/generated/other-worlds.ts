/** What may become of the rows that are not an organization's: each step a world that it must not be able to tell from the last. */
import type { Sql } from "postgres";

/** The organization that looks on. */
export const OURS = "1";

const THEIR_SCANS = `select id from scans where organization_id <> ${OURS}`;
const THEIR_USERS = `select id from users where organization_id is distinct from ${OURS}`;

/** By name: statements that change only what is another's, or nobody's. They follow one another. */
export const STEPS: Readonly<Record<string, readonly string[]>> = {
  "other values": [
    `update organizations set name = 'É%_\\', subscription_tier = 'X', created_at = created_at + interval '1 day',
       domain = 'x.' || domain, version = version + 5 where id <> ${OURS}`,
    `update users set full_name = email, email = 'x' || email, created_at = created_at - interval '3 days', version = 9
       where organization_id is distinct from ${OURS}`,
    `update scans set target_url = '', scan_type = 'FULL', status = 'RUNNING', version = version + 1,
       started_at = '2026-03-01T10:00:00.000001Z', created_at = created_at + interval '90 days' where organization_id <> ${OURS}`,
    `update vulnerabilities set severity = 'CRITICAL', vuln_type = 'x', title = '%', description = null,
       created_at = '2026-03-01T10:00:00Z' where scan_id in (${THEIR_SCANS})`,
    `update chat_sessions set session_id = 's', message = '', response = 'zebra', timestamp = timestamp - interval '1 hour'
       where user_id in (${THEIR_USERS})`,
    `update analytics_metrics set metric_type = 'm', value = -value, recorded_at = recorded_at + interval '1 microsecond'
       where organization_id <> ${OURS}`,
    `update performance_logs set service_name = '', endpoint = '%', response_time_ms = 1e15
       where organization_id is distinct from ${OURS}`,
  ],
  "as many rows again, with our own values": [
    `insert into organizations (name, domain, subscription_tier, created_at)
       select name, n || '.more.example', subscription_tier, created_at from organizations, generate_series(1, 3) n where id = ${OURS}`,
    `insert into users (email, password_hash, full_name, role, organization_id, created_at)
       select 'more.' || email, 'none', full_name, role, 2, created_at from users where organization_id = ${OURS}`,
    `insert into scans (organization_id, target_url, scan_type, status, started_at, created_at, version)
       select 2, target_url, scan_type, status, started_at, created_at, version from scans where organization_id = ${OURS}`,
    `insert into vulnerabilities (scan_id, severity, vuln_type, title, description, created_at)
       select (select min(id) from scans where organization_id = 2), severity, vuln_type, title, description, v.created_at
       from vulnerabilities v join scans s on s.id = scan_id where organization_id = ${OURS}`,
    `insert into chat_sessions (user_id, session_id, message, response, timestamp)
       select (select max(id) from users where organization_id = 2), session_id, message, response, timestamp
       from chat_sessions where user_id not in (${THEIR_USERS})`,
    `insert into analytics_metrics (organization_id, metric_type, value, recorded_at)
       select 2, metric_type, value, recorded_at from analytics_metrics where organization_id = ${OURS}`,
    `insert into performance_logs (organization_id, service_name, endpoint, response_time_ms, timestamp)
       select n, service_name, endpoint, response_time_ms, timestamp from performance_logs, unnest(array[2, null]) n
       where organization_id = ${OURS}`,
  ],
  "the same rows, somebody else's": [
    `update scans set organization_id = 1001 where organization_id = 2`,
    `update users set organization_id = 1002 where organization_id = 2`,
    `update vulnerabilities set scan_id = (select max(id) from scans where organization_id <> ${OURS})
       where scan_id in (${THEIR_SCANS})`,
    `update analytics_metrics set organization_id = 1003 where organization_id <> ${OURS}`,
    `update performance_logs set organization_id = 2 where organization_id is null`,
  ],
  "none at all": [
    `delete from chat_sessions where user_id in (${THEIR_USERS})`,
    `delete from scans where organization_id <> ${OURS}`,
    `delete from analytics_metrics where organization_id <> ${OURS}`,
    `delete from performance_logs where organization_id is distinct from ${OURS}`,
    `delete from users where organization_id is distinct from ${OURS}`,
    `delete from organizations where id <> ${OURS}`,
    `delete from security_events`,
  ],
};

/** @throws where a statement changes nothing: then it would show nothing */
export async function take(sql: Sql, step: string): Promise<void> {
  for (const statement of STEPS[step]!) {
    const { count } = await sql.unsafe(statement);
    if (count === 0) throw new Error(`changes nothing: ${statement}`);
  }
}
