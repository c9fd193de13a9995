/** What the examples of accounts, sessions and records answer, and what they leave. */
import { expect } from "vitest";
import { EMAILS, PASSWORD, type Somebody, signIn } from "../../support/app.js";
import { type ExampleKit, type Run } from "../../support/examples.js";

export const accountsRuns = ({ app, count, refreshToken }: ExampleKit): Record<string, Run> => ({
  "sign-in": {
    input: async () => ({ email: EMAILS.analyst, password: PASSWORD }),
    async answers({ signIn }) {
      expect(signIn.viewer.role).toBe("ANALYST");
      const { data } = await app.withToken(signIn.accessToken).run("{ viewer { permissions } }");
      expect(data.viewer.permissions).toEqual(signIn.viewer.permissions);
    },
  },
  "refresh-session": {
    input: refreshToken,
    async answers({ refreshSession }) {
      expect((await app.withToken(refreshSession.accessToken).run("{ viewer { role } }")).status).toBe(200);
    },
  },
  "sign-out": {
    input: refreshToken,
    async answers({ signOut }, client, { input }) {
      expect(signOut).toEqual({ signedOut: true });
      if (client.token) expect((await client.run("{ viewer { role } }")).status).toBe(401);
      const again = await app.anonymous.run(
        "mutation($input: RefreshSessionInput!) { refreshSession(input: $input) { expiresAt } }",
        { input },
      );
      expect(again.code).toBe("UNAUTHENTICATED");
    },
  },
  sessions: {
    answers({ sessions }) {
      expect(sessions.nodes.filter(({ current }: { current: boolean }) => current)).toHaveLength(1);
    },
  },
  "revoke-session": {
    // That of another device.
    async input(client) {
      const { data } = await client.run("{ viewer { user { email } } }");
      await signIn(app.anonymous, data.viewer.user?.email ?? EMAILS.dba);
      const { data: found } = await client.run("{ sessions(first: 1) { nodes { id } } }");
      return { id: found.sessions.nodes[0].id };
    },
    async answers({ revokeSession: { session } }, client, { input }) {
      expect(session).toEqual({ ...(input as object), endedAt: expect.any(String) });
      expect((await client.run("{ viewer { role } }")).status).toBe(200);
    },
  },
  "who-am-i": {
    answers({ viewer }) {
      expect(viewer.user.email).toBe(EMAILS[viewer.role.toLowerCase() as Somebody]);
      expect(viewer.organization).toEqual(
        ["VIEWER", "ANALYST"].includes(viewer.role) ? { name: "Harbour Bank" } : null,
      );
    },
  },
  "audit-trail": {
    async answers({ auditLogs }, client) {
      const { data } = await client.run("{ viewer { role } }");
      const all = await count("audit_logs", "resource_type = 'scan' and resource_id = '1'");
      expect(all).toBeGreaterThan(0);
      expect(auditLogs.totalCount).toBe(data.viewer.role === "DBA" ? 0 : all);
    },
  },
  "security-events": {
    async answers({ securityEvents }) {
      expect(securityEvents.totalCount).toBe(await count("security_events", "event_status <> 'SUCCESS'"));
      expect(securityEvents.nodes).toHaveLength(20);
    },
  },
});
