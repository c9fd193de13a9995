/** Who asks as whom, what a refusal looks like, and what it leaves behind. */
import { expect } from "vitest";
import type { Role } from "../../specimens/specimen.js";
import { type Answer, type Client, EMAILS, type Somebody, type TestApp } from "../../support/app.js";
import { digestOf } from "../../support/digest.js";

export const ROLES: readonly Role[] = ["VIEWER", "ANALYST", "DBA", "SECURITY", "ADMIN"];
/** Null is nobody. */
export type Caller = Role | null;
export const CALLERS: readonly Caller[] = [null, ...ROLES];

export const OPERATORS: readonly Role[] = ["DBA", "ADMIN"];

export function expectRefusal(caller: Caller, answer: Answer, field: string, alone: boolean) {
  const code = caller === null ? "UNAUTHENTICATED" : "FORBIDDEN";
  expect(answer.data[field]).toBeNull();
  expect(answer.errors).toHaveLength(1);
  expect(answer.errors?.[0]).toMatchObject({ path: [field], extensions: { code } });
  if (caller !== null) expect(answer.errors?.[0]?.extensions.permission).toMatch(/^[a-z-]+:[a-z]+$/);
  expect(answer.status).toBe(alone ? (caller === null ? 401 : 403) : 200);
  return code;
}

/** What asks and looks in the app of a test. */
export function lookingInto(app: TestApp) {
  const clientOf = (caller: Caller): Promise<Client> =>
    caller === null ? Promise.resolve(app.anonymous) : app.as(caller.toLowerCase() as Somebody);

  const idOf = async (caller: Caller): Promise<string> => {
    const email = EMAILS[(caller ?? "VIEWER").toLowerCase() as Somebody];
    return String((await app.sql`select id from users where email = ${email}`)[0]?.id);
  };

  /** All rows but those that record what was refused. */
  const digest = digestOf(app, ["audit_logs", "security_events"]);

  /** What was recorded since; rows come in the order they were written. */
  async function recordsSince({ audit, event }: { audit: string; event: string }) {
    const [records, events] = await Promise.all([
      app.sql`select * from audit_logs where id > ${audit} order by id`,
      app.sql`select * from security_events where id > ${event} order by id`,
    ]);
    return { records: [...records], events: [...events] };
  }
  async function mark() {
    const [row] = await app.sql`
      select (select coalesce(max(id), 0) from audit_logs) as audit, (select coalesce(max(id), 0) from security_events) as event`;
    return row as unknown as { audit: string; event: string };
  }

  async function expectEvent(caller: Caller, event: Record<string, unknown> | undefined, code: string, field: string) {
    expect(event).toMatchObject({
      event_type: "authz_fail",
      event_status: "FAILURE",
      user_id: caller === null ? null : await idOf(caller),
      ip_address: "127.0.0.1",
    });
    const { metadata } = event as { metadata: unknown };
    expect(typeof metadata === "string" ? JSON.parse(metadata) : metadata).toMatchObject({ code, field });
  }

  return { clientOf, idOf, digest, mark, recordsSince, expectEvent };
}
