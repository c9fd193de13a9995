/** Rows for the tests of what reads can do. */
import { beforeAll, expect } from "vitest";
import { type Somebody, testApp } from "./app.js";

/** Starts an app with these rows for the calling file. */
export function useReadRows() {
  const app = testApp();
  /** Two organizations: A, to which `viewer` belongs, and B, to which `otherViewer` does. */
  beforeAll(async () => {
    await app.sql.unsafe(`
      truncate scans, vulnerabilities, chat_sessions, analytics_metrics, performance_logs cascade;
      insert into scans (id, organization_id, target_url, scan_type, status, started_at, created_at) values
        (101, 1, 'https://a.example/100%', 'FULL', 'COMPLETED', '2026-01-05T23:59:59.999999Z', '2026-01-01'),
        (102, 1, 'https://a.example/1000', 'API', 'FAILED', '2026-01-06T00:00:00Z', '2026-01-02'),
        (103, 1, 'https://a.example/étéω/x_y', 'API', 'COMPLETED', '2026-02-01T00:00:00Z', '2026-01-03'),
        (104, 2, 'https://b.example/xzy', 'FULL', 'COMPLETED', '2026-01-06T12:00:00Z', '2026-01-04');
      insert into vulnerabilities (id, scan_id, severity, vuln_type, title, description) values
        (1, 101, 'HIGH', 'XSS', 'one', null), (2, 101, 'LOW', 'XSS', 'two', 'seen'),
        (3, 102, 'HIGH', 'SQLI', 'three', 'seen'), (4, 104, 'CRITICAL', 'SQLI', 'four', null);
      insert into analytics_metrics (organization_id, metric_type, value, recorded_at) values
        (1, 'cpu', 1.5, '2026-01-05T10:10:00Z'), (1, 'cpu', 2.5, '2026-01-05T10:50:00Z'), (1, 'cpu', -1, '2026-01-11T23:00:00Z'),
        (1, 'disk', 10, '2026-01-12T00:00:00Z'), (2, 'cpu', 100, '2026-01-05T10:30:00Z');
      insert into performance_logs (organization_id, service_name, endpoint, response_time_ms) values
        (null, 's', '/platform', 5), (1, 's', '/a', 7), (2, 's', '/b', 9);
      insert into security_events (event_type, event_status, user_id, metadata, location) values
        ('json', 'SUCCESS', (select id from users where email = 'admin@demo.example'), '{"a": {"b": 1, "c": [1, 2, 3]}, "d": null}', null),
        ('json', 'SUCCESS', (select id from users where email = 'dba@demo.example'), '["a", {"b": 1}]', '{"country": "NL"}'),
        ('json', 'SUCCESS', null, null, null)`);
  });
  async function ids(who: Somebody, list: string, filter: object, type: string): Promise<string[]> {
    const query = `query($filter: ${type}Filter) { ${list}(filter: $filter, orderBy: [{ field: ID }]) { nodes { id } totalCount } }`;
    const { data, errors } = await (await app.as(who)).run(query, { filter });
    expect(errors).toBeUndefined();
    const found = data[list].nodes.map(({ id }: { id: string }) => id);
    expect(data[list].totalCount).toBe(found.length);
    return found;
  }

  return {
    app,
    ids,
  };
}
