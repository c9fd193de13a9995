/** A sign-out that takes as long as it may is seen by every replica, however long ago it was stamped. */
import { expect, it, vi } from "vitest";
import { testApp } from "../../../support/app.js";

const app = testApp({ STATEMENT_TIMEOUT_MS: "60000" });

it("a session that ended a minute ago, and is only now written down so", async () => {
  const viewer = await app.as("viewer");
  expect((await viewer.run("{ viewer { role } }")).status).toBe(200);
  await app.sql`update sessions set revoked_at = now() - interval '60 seconds'`;
  await vi.waitFor(async () => expect((await viewer.run("{ viewer { role } }")).code).toBe("UNAUTHENTICATED"), 5000);
});
