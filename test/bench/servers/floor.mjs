/** The floor: node:http and postgres.js, one prepared statement for each workload, whose JSON goes out as it comes. No GraphQL. */
import { onIdlest } from "./connections.mjs";
import { listen } from "./listen.mjs";

/** Each answers one row with one text, the `data` of the answer. */
const WORKLOADS = {
  W1: {
    text: `
      select row_to_json(data)::text from (select (
        select row_to_json(v) from (
          select v.id::text, v.severity, v.vuln_type as "vulnType", v.title, v.description, (
            select row_to_json(s) from (select s.id::text, s.target_url as "targetUrl", s.status, (
              select row_to_json(o) from (select o.id::text, o.name, o.domain) o
            ) as organization) s
          ) as scan
          from vulnerabilities v join scans s on s.id = v.scan_id join organizations o on o.id = s.organization_id
          where v.id = $1
        ) v
      ) as vulnerability) data`,
    parameters: ({ id }) => [id],
  },
  W2: {
    text: `
      select row_to_json(data)::text from (select coalesce(json_agg(s), '[]') as scans from (
        select s.id::text, s.target_url as "targetUrl", s.scan_type as "scanType", s.status, s.started_at as "startedAt",
          s.vulnerabilities_found as "vulnerabilitiesFound",
          (select row_to_json(o) from (select o.name) o) as organization,
          (select coalesce(json_agg(v), '[]') from (
            select v.id::text, v.severity, v.title from vulnerabilities v where v.scan_id = s.id
            order by v.created_at desc nulls last, v.id desc nulls last limit 5
          ) v) as vulnerabilities
        from scans s join organizations o on o.id = s.organization_id
        where s.organization_id = $1 order by s.started_at desc nulls last limit 50
      ) s) data`,
    parameters: ({ organizationId }) => [organizationId],
  },
  W3: {
    text: `
      select row_to_json(data)::text from (select coalesce(json_agg(e), '[]') as "securityEvents" from (
        select id::text, event_type as "eventType", event_status as "eventStatus", ip_address as "ipAddress",
          user_id::text as "userId", user_agent as "userAgent", location, metadata, created_at as "createdAt"
        from security_events where event_type = $1 order by created_at desc nulls last limit 100
      ) e) data`,
    parameters: ({ eventType }) => [eventType],
  },
  W4: {
    text: `
      with s as (
        insert into scans (organization_id, target_url, scan_type) values ($1, $2, $3) returning id, status, organization_id
      )
      select row_to_json(data)::text from (select (
        select row_to_json(s) from (
          select s.id::text, s.status, (select row_to_json(o) from (select o.name) o) as organization
          from s join organizations o on o.id = s.organization_id
        ) s
      ) as "createScan") data`,
    parameters: ({ input }) => [input.organizationId, input.targetUrl, input.scanType],
  },
};

listen(async ({ operationName, variables }) => {
  if (operationName === "W5") return '{"__typename":"Query"}';
  const { text, parameters } = WORKLOADS[operationName];
  const [[data]] = await onIdlest((sql) => sql.unsafe(text, parameters(variables), { prepare: true }).values());
  return data;
});
