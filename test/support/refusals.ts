/** Mutations that are refused, and what is on record of them. */
import { expect } from "vitest";
import type { Answer, Client, TestApp } from "./app.js";

const CREATE = "mutation($input: CreateScanInput!) { createScan(input: $input) { scan { id } } }";
const input = { organizationId: "1", targetUrl: "https://refused.example/", scanType: "ONCE" };

/** Sends so many at once, with the request ids `<mark>-0`, `<mark>-1` ... */
export const refuse = (client: Client, mark: string, count: number): Promise<Answer[]> =>
  Promise.all(
    Array.from({ length: count }, (_, n) => client.run(CREATE, { input }, { "x-request-id": `${mark}-${n}` })),
  );

export const idsOf = (mark: string, count: number): string[] =>
  Array.from({ length: count }, (_, n) => `${mark}-${n}`).sort();

/** @returns the request ids of the audit records and of the security events, sorted */
export async function recorded({ sql }: Pick<TestApp, "sql">, mark: string) {
  const [audit, events] = await Promise.all([
    sql`select request_id as id, success, result->>'code' as code from audit_logs where request_id like ${`${mark}-%`} order by 1`,
    sql`select metadata->>'requestId' as id, event_type from security_events where metadata->>'requestId' like ${`${mark}-%`} order by 1`,
  ]);
  for (const { success, code } of audit) expect([success, code]).toEqual([false, "FORBIDDEN"]);
  for (const { event_type } of events) expect(event_type).toBe("authz_fail");
  return { audit: audit.map(({ id }) => id), events: events.map(({ id }) => id) };
}

export const both = (mark: string, count: number) => ({ audit: idsOf(mark, count), events: idsOf(mark, count) });

/** @returns what readiness says of the records */
export async function stateOf(url: string): Promise<{ waiting: number; lost: number }> {
  const response = await fetch(`${url}/health/ready`);
  return ((await response.json()) as { records: { waiting: number; lost: number } }).records;
}
