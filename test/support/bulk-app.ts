/** What the tests of bulk operations ask, and how they follow one to its end. */
import type { Answer, Client, TestApp } from "./app.js";
import { eventually } from "./sandbox.js";

// biome-ignore lint/suspicious/noExplicitAny: answers are looked at, not computed with
type Json = any;

export const BULK = `
  id type status filter input stopAtFirstFailure requestedBy requestedAt endedAt retryOf { id }
  summary { total waiting running succeeded failed timedOut cancelled refused skipped }`;

const PREVIEW = "preview { instanceId identifier accepted code reason }";

/** Requests, repeats or cancels a bulk operation. */
export function askBulk(client: Client, verb: string, input: Record<string, unknown>): Promise<Answer> {
  const type = `${verb[0]?.toUpperCase()}${verb.slice(1)}Input`;
  const document = `mutation($input: ${type}!) { ${verb}(input: $input) { bulkOperation { ${BULK} } ${PREVIEW} } }`;
  return client.run(document, { input });
}

/** As `askBulk`. @returns the bulk operation @throws where it is refused */
export async function acceptedBulk(client: Client, verb: string, input: Record<string, unknown>): Promise<Json> {
  const { data, errors } = await askBulk(client, verb, input);
  if (errors) throw new Error(JSON.stringify(errors));
  return data[verb].bulkOperation;
}

export async function bulkOf(client: Client, id: string): Promise<Json> {
  const { data, errors } = await client.run(`query($id: ID!) { bulkOperation(id: $id) { ${BULK} } }`, { id });
  if (errors) throw new Error(JSON.stringify(errors));
  return data.bulkOperation;
}

/** @returns the bulk operation once it has ended */
export const endedBulk = (client: Client, id: string, withinMs = 20_000): Promise<Json> =>
  eventually(async () => {
    const bulk = await bulkOf(client, id);
    return bulk.status === "ENDED" && bulk;
  }, withinMs);

/** @returns its parts with a status, or all, by their instances' names */
export async function partsOf(client: Client, id: string, status?: string): Promise<Json[]> {
  const parts: Json[] = [];
  for (let after: string | null = null; ; ) {
    const { data, errors } = await client.run(
      `query($id: ID!, $after: String, $filter: BulkOperationPartFilter) { bulkOperation(id: $id) { parts(first: 100, after: $after, filter: $filter) {
        totalCount pageInfo { hasNextPage endCursor }
        nodes { status code message instance { id identifier } operation { id status bulkOperation { id } retryOf { id } parameters } } } } }`,
      { id, after, ...(status && { filter: { status: { eq: status } } }) },
    );
    if (errors) throw new Error(JSON.stringify(errors));
    const { nodes, pageInfo } = data.bulkOperation.parts;
    parts.push(...nodes);
    if (!pageInfo.hasNextPage) return parts.sort((a, b) => (a.instance.identifier < b.instance.identifier ? -1 : 1));
    after = pageInfo.endCursor;
  }
}

/** @returns how many audit records there are of each action of a bulk operation and its parts */
export async function bulkRecordsOf({ sql }: TestApp, id: string): Promise<Record<string, number>> {
  const rows = await sql`
    select action, count(*)::int as n from audit_logs
    where (resource_type = 'bulk-operation' and resource_id = ${id}) or (resource_type = 'operation'
      and parameters ? 'type' and (parameters ->> 'bulkOperationId' = ${id} or resource_id in (select o.id::text from operations o where o.bulk_operation_id = ${id})))
    group by 1 order by 1`;
  return Object.fromEntries(rows.map(({ action, n }) => [action, n]));
}
