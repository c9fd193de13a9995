/** One request that crosses identity, data and security events: its planned part is one statement. */
import { expect, it } from "vitest";
import { testApp } from "../../support/app.js";

const app = testApp();

const QUERY = `{
  viewer { role user { email } }
  scans(first: 10) { totalCount nodes { id organization { name } vulnerabilities { totalCount nodes { title } } } }
  securityEvents(first: 5) { nodes { eventType } }
}`;

it("answers viewer, scans and security events with one statement", async () => {
  const admin = await app.as("admin");
  app.statements.length = 0;
  const { status, data, errors } = await admin.run(QUERY);
  expect(errors).toBeUndefined();
  expect(status).toBe(200);
  expect(data.viewer).toEqual({ role: "ADMIN", user: { email: "admin@demo.example" } });
  expect(data.scans.totalCount).toBe(60);
  expect(data.scans.nodes).toHaveLength(10);
  expect(data.securityEvents.nodes[0]).toEqual({ eventType: "authn_login_success" });
  expect(app.statements).toHaveLength(1);
});
