/** Security events are followed exactly: none is lost and none comes twice, whatever the order of their commits. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { testApp } from "../../support/app.js";
import { cases } from "../../support/deep.js";
import { leftBy } from "../../support/fleet-app.js";
import { begun, openLive, untilPolled } from "../../support/live.js";

const app = testApp({}, undefined, { liveMs: 100 });

const EVENTS =
  "subscription ($filter: SecurityEventFilter) { securityEventRecorded(filter: $filter) { id eventType ipAddress user { email organization { name } } } }";
const ofType = (prefix: string) => ({ filter: { eventType: { startsWith: prefix } } });

let replica: Awaited<ReturnType<typeof app.replica>>;
let security: ReturnType<typeof openLive>;
beforeAll(async () => {
  replica = await app.replica();
  security = openLive(app.url, (await app.as("security")).token);
});
afterAll(() => security.dispose());

it("one that another replica records comes once, with the user it concerns", async () => {
  const following = await begun(app, () => security.follow(EVENTS, ofType("here")));
  const admin = replica.as((await app.as("admin")).token);
  const [user] = await app.sql`select id::text from users where email = 'viewer@demo.example'`;
  const input = { eventType: "here_and_now", eventStatus: "WARNING", ipAddress: "192.0.2.7", userId: user?.id };
  const { data } = await admin.run(
    "mutation ($input: RecordSecurityEventInput!) { recordSecurityEvent(input: $input) { securityEvent { id } } }",
    { input },
  );
  const { id } = data.recordSecurityEvent.securityEvent;
  expect(await following.count(1)).toEqual([
    {
      ...{ id, eventType: "here_and_now", ipAddress: "192.0.2.7" },
      user: { email: "viewer@demo.example", organization: { name: expect.any(String) } },
    },
  ]);
  await untilPolled(app, 2);
  expect(following.messages).toHaveLength(1);
  following.stop();
});

it("what is committed late, out of order, after a rollback or all at once comes once", async () => {
  const following = await begun(app, () => security.follow(EVENTS, ofType("order")));
  const insert = (sql: typeof app.sql, type: string) =>
    sql`insert into security_events (event_type, event_status) values (${type}, 'WARNING')`;
  const late = Promise.withResolvers<void>();
  const written = Promise.withResolvers<void>();
  // Its id and its transaction are older than those of the next, and it is committed polls later.
  const slow = app.sql.begin(async (sql) => {
    await insert(sql as never, "order_1");
    written.resolve();
    await late.promise;
    await insert(sql as never, "order_2");
  });
  await written.promise;
  await insert(app.sql, "order_3");
  await app.sql
    .begin(async (sql) => {
      await insert(sql as never, "order_lost");
      throw new Error("rolled back");
    })
    .catch(() => undefined);
  expect((await following.count(1)).map(({ eventType }) => eventType)).toEqual(["order_3"]);
  await untilPolled(app, 3);
  late.resolve();
  await slow;
  expect((await following.count(3)).map(({ eventType }) => eventType)).toEqual(["order_3", "order_1", "order_2"]);
  await untilPolled(app, 2);
  expect(following.messages).toHaveLength(3);
  following.stop();
});

it("none is lost and none comes twice while many transactions overlap", async () => {
  const count = cases(60, 600);
  const filter = { filter: { eventType: { startsWith: "mix" } } };
  const followings = await begun(app, () => [security.follow(EVENTS, filter), security.follow(EVENTS, filter)], 2);
  const writers = Array.from({ length: 3 }, async (_, writer) => {
    for (let n = 0; n < count / 3; n++) {
      await app.sql.begin(async (sql) => {
        await sql`insert into security_events (event_type, event_status) values (${`mix_${writer}_${n}`}, 'SUCCESS')`;
        // Some are under way while others' are told.
        if (n % 5 === writer) await untilPolled(app, 1);
      });
    }
  });
  await Promise.all(writers);
  const wanted = Array.from({ length: 3 }, (_, writer) =>
    Array.from({ length: count / 3 }, (_, n) => `mix_${writer}_${n}`),
  ).flat();
  for (const following of followings) {
    const types = (await following.count(count)).map(({ eventType }) => eventType);
    expect(types.toSorted()).toEqual(wanted.toSorted());
  }
  await untilPolled(app, 2);
  for (const following of followings) {
    expect(following.messages).toHaveLength(count);
    following.stop();
  }
});

it("more than one statement reads at a time come in the order of their ids", async () => {
  const following = await begun(app, () => security.follow(EVENTS, ofType("bulk")));
  await app.sql`insert into security_events (event_type, event_status) select 'bulk_' || n, 'SUCCESS' from generate_series(1, 250) n`;
  expect((await following.count(250)).map(({ eventType }) => eventType)).toEqual(
    Array.from({ length: 250 }, (_, n) => `bulk_${n + 1}`),
  );
  following.stop();
});

it("of an organization's users only those who may read them anyway can follow any", async () => {
  for (const who of ["viewer", "analyst", "otherAnalyst", "dba"] as const) {
    const tenant = openLive(app.url, (await app.as(who)).token);
    const { events, answer } = await leftBy(app, async () => {
      const following = tenant.follow(EVENTS);
      expect(await following.refused()).toEqual(["FORBIDDEN"]);
      return following;
    });
    expect(answer.messages).toEqual([]);
    expect(events).toMatchObject([
      {
        event_type: "authz_fail",
        metadata: {
          code: "FORBIDDEN",
          field: "Subscription.securityEventRecorded",
          permission: "security-events:read",
        },
      },
    ]);
    tenant.dispose();
  }
});

it("what a subscription may not read is recorded once, though the record is an event that it follows", async () => {
  const query =
    "subscription { securityEventRecorded { eventType metadata user { organization { scans { totalCount } } } } }";
  const following = await begun(app, () => security.follow(query));
  for (let n = 1; n < 3; n++) {
    await app.sql`insert into security_events (event_type, event_status, user_id)
      select 'chain', 'WARNING', id from users where email = 'viewer@demo.example'`;
    await following.count(n + 1);
  }
  await untilPolled(app, 2);
  expect(following.rows().map(({ eventType }) => eventType)).toEqual(["chain", "authz_fail", "chain"]);
  expect(following.rows()[1].metadata).toMatchObject({ code: "FORBIDDEN", field: "Organization.scans" });
  expect(following.rows()[2].user.organization).toBeNull();
  expect(following.messages[2]?.errors?.[0]).toMatchObject({ extensions: { code: "FORBIDDEN" } });
  following.stop();
});
