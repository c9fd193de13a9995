/** Clients at addresses of their own, and what the limits have recorded of them. */
import type { Client, TestApp } from "../support/app.js";

let addresses = 0;

/** @returns an address from which nobody has asked yet */
export function nextAddress(): string {
  addresses += 1;
  return `100.64.${addresses >> 8}.${addresses & 255}`;
}

/** @returns a client that one trusted proxy has seen at this address */
export function clientOfAddress(
  { withToken }: Pick<TestApp, "withToken">,
  ip: string,
  token: string | null = null,
): Client {
  const client = withToken(token);
  return {
    token,
    run: (query, variables, headers, operationName) =>
      client.run(query, variables, { "x-forwarded-for": `198.51.100.1, ${ip}`, ...headers }, operationName),
  };
}

/** @returns the events of limits that were used up from an address */
export async function limitEvents({ sql }: TestApp, ip: string) {
  const rows = await sql`
    select user_id, event_status, metadata::text from security_events
    where event_type = 'excess_rate_limit_exceeded' and ip_address = ${ip} order by id`;
  return rows.map(({ metadata, ...row }) => {
    const { requestId: _, ...facts } = JSON.parse(metadata);
    return { ...row, ...facts } as Record<string, unknown>;
  });
}
