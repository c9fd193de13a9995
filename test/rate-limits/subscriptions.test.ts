/** Connections and subscriptions count as requests, of whoever they are. */
import { expect, it } from "vitest";
import { testApp } from "../support/app.js";
import { begun, openLive } from "../support/live.js";

const hour = (points: number) => ({ points, seconds: 3600 });
const app = testApp({
  RATE_LIMITS: JSON.stringify({ api: { signedIn: hour(5), anonymous: hour(3) } }),
});

const EVENTS = "subscription { securityEventRecorded { id } }";
const excesses = () =>
  app.sql`select metadata ->> 'by' as by from security_events where event_type = 'excess_rate_limit_exceeded' and metadata ->> 'tier' = 'api' order by id`;

it("a user's end with the points of the user, and others are not touched", async () => {
  // Signing in took the first point.
  const { token } = await app.as("security");
  const live = openLive(app.url, token);
  const three = await begun(app, () => [1, 2, 3].map(() => live.follow(EVENTS)), 3);
  const fourth = live.follow(EVENTS);
  expect(await fourth.refused()).toEqual(["RATE_LIMITED"]);
  expect(fourth.ended()?.[0].extensions).toMatchObject({ retryAfterSeconds: expect.any(Number) });
  expect(three.map(({ ended }) => ended())).toEqual([undefined, undefined, undefined]);
  const another = openLive(app.url, token);
  another.follow(EVENTS);
  expect(await another.closed()).toEqual([1013, expect.stringMatching(/^Too often\. Try again in \d+ s\.$/)]);
  live.dispose();
  await expect.poll(async () => (await excesses()).map(({ by }) => by)).toEqual(["user"]);
});

it("a stranger's end with the points of the address", async () => {
  const codes: number[] = [];
  for (let n = 0; n < 5; n++) {
    const live = openLive(app.url, "none");
    live.follow(EVENTS);
    codes.push((await live.closed())[0]);
  }
  expect(codes).toEqual([4403, 4403, 4403, 1013, 1013]);
});
