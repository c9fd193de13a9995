/** What the database, the role or a pooler says of PostgreSQL's settings changes no answer. */
import { beforeAll, expect, inject, it, onTestFinished } from "vitest";
import { createClient } from "../../src/db/client.js";
import { SETTINGS } from "../../src/db/driver/settings.js";
import { configureRole } from "../../src/db/role.js";
import { createLog } from "../../src/log.js";
import { PASSWORD, testApp } from "../support/app.js";
import { openProxy } from "../support/proxy.js";

const app = testApp();
let database = "";
beforeAll(async () => {
  database = (await app.sql`select current_database() as name`)[0]!.name;
});

/** Everything that we set, set to something else, and what a role may change beside it. */
const OTHERS: Record<string, string> = {
  client_encoding: "'LATIN1'",
  DateStyle: "'SQL, DMY'",
  IntervalStyle: "'iso_8601'",
  TimeZone: "'Asia/Kathmandu'",
  extra_float_digits: "-5",
  bytea_output: "'escape'",
  array_nulls: "off",
  search_path: "hostile, pg_catalog, public",
  standard_conforming_strings: "off",
  backslash_quote: "off",
  transform_null_equals: "on",
  row_security: "off",
  gin_fuzzy_search_limit: "1",
  default_transaction_isolation: "'serializable'",
  default_transaction_read_only: "on",
  default_transaction_deferrable: "on",
  exit_on_error: "on",
  lock_timeout: "1",
  idle_session_timeout: "1",
  idle_in_transaction_session_timeout: "1",
};
const FORMATS = { lc_numeric: "'C.UTF-8'", lc_time: "'C.UTF-8'", lc_monetary: "'C.UTF-8'", statement_timeout: "1" };

/** Whom the settings are said of. */
const SCOPES = {
  "the database": () => `database ${database}`,
  "the role in the database": () => `role current_user in database ${database}`,
};
type Scope = keyof typeof SCOPES;

async function change(scope: Scope, settings: Record<string, string>) {
  for (const [name, value] of Object.entries(settings)) {
    await app.sql.unsafe(`alter ${SCOPES[scope]()} set ${name} = ${value}`);
  }
  onTestFinished(async () => {
    await app.sql.unsafe(`alter ${SCOPES[scope]()} reset all`);
  });
}

/** What the settings could change: floats in cursors, moments, backslashes, JSON, names, indexes, and what may be written at all. */
async function answersOf(client: { run: typeof app.anonymous.run }) {
  const read = async (query: string) => {
    const { data, errors } = await client.run(query);
    return errors ?? data;
  };
  const pages: unknown[] = [];
  for (let after = "null"; after && pages.length < 9; ) {
    const page = await read(`{ analyticsMetrics(first: 1, after: ${after}, filter: { metricType: { eq: "settings" } },
      orderBy: [{ field: VALUE, direction: ASC }]) { nodes { value recordedAt } pageInfo { hasNextPage endCursor } } }`);
    pages.push(page.analyticsMetrics?.nodes ?? page);
    after = page.analyticsMetrics?.pageInfo.hasNextPage ? JSON.stringify(page.analyticsMetrics.pageInfo.endCursor) : "";
  }
  return {
    pages,
    moments:
      await read(`{ scans(first: 3, orderBy: [{ field: ID, direction: ASC }], filter: { scanType: { eq: "settings" },
      createdAt: { gte: "2020-05-04T03:02:01.000001Z" } }) { nodes { createdAt targetUrl organization { name } }
      groups(by: [{ field: CREATED_AT, bucket: DAY }]) { key { createdAt } aggregate { count } } } }`),
    backslashes: await read(`{ scans(filter: { targetUrl: { contains: "a\\\\b%'C" } }) { nodes { targetUrl } } }`),
    json: await read(`{ securityEvents(filter: { metadata: { contains: {deep: [1, "two"]} } }) { totalCount } }`),
    names: await read(`{ organizations(filter: { domain: { startsWith: "DEMO.ex" } }) { nodes { domain } } }`),
    created:
      await read(`mutation { createScan(input: { organizationId: "1", targetUrl: "https://x.example/é\\\\'", scanType: "other" }) {
      scan { targetUrl version } } }`),
    session: await read(
      `mutation { signIn(input: { email: "viewer@demo.example", password: "${PASSWORD}" }) { viewer { role } } }`,
    ),
  };
}

beforeAll(async () => {
  await app.sql`insert into scans (organization_id, target_url, scan_type, created_at)
    values (1, ${"https://x/a\\b%'c"}, 'settings', '2020-05-04T03:02:01.000001Z')`;
  await app.sql`insert into analytics_metrics (organization_id, metric_type, value, recorded_at)
    select 1, 'settings', 0.1::float8 + n * 1e-16, '2020-05-04T03:02:01.000001Z' from generate_series(1, 4) n`;
  await app.sql`insert into security_events (event_type, event_status, metadata)
    select 'settings', 'SUCCESS', '{"deep": [1, "two", 3]}' from generate_series(1, 50)`;
  await app.sql`create schema hostile`;
  await app.sql`create table hostile.scans (id bigint)`;
  await app.sql`create function hostile.lower(text) returns text language sql immutable as $$ select 'hostile' $$`;
});

it.each(Object.keys(SCOPES) as Scope[])("whatever %s says, the answers are the same", async (scope) => {
  const admin = await app.as("admin");
  const before = await answersOf(admin);
  expect(before.pages.flat()).toHaveLength(4);
  expect(before).toMatchObject({
    moments: { scans: { nodes: [{ createdAt: "2020-05-04T03:02:01.000001Z" }] } },
    backslashes: { scans: { nodes: [{}] } },
    json: { securityEvents: { totalCount: 50 } },
    names: { organizations: { nodes: [{}] } },
    created: { createScan: { scan: { targetUrl: "https://x.example/é\\'" } } },
    session: { signIn: { viewer: { role: "VIEWER" } } },
  });
  await change(scope, { ...OTHERS, ...FORMATS });
  const replica = await app.replica();
  expect(await answersOf(replica.as(admin.token))).toEqual(before);
  await replica.stop();
});

it.each(Object.keys(SCOPES) as Scope[])("each setting is ours, whatever %s says of it", async (scope) => {
  expect(Object.keys(OTHERS)).toEqual(Object.keys(SETTINGS));
  await change(scope, OTHERS);
  const client = createClient({ connection: { ...inject("connection"), database }, poolSize: 1 });
  onTestFinished(() => client.close());
  for (const [name, value] of Object.entries(SETTINGS)) {
    expect([name, ...(await client.query("select current_setting($1)", [name], false))]).toEqual([name, value]);
  }
});

/** As PgBouncer does. */
function refuseStartUp(message: Buffer): Buffer | undefined {
  const names = message.subarray(8).toString().split("\0");
  if (message.length === 16 || !names.includes("search_path")) return undefined;
  const fields = Buffer.from("SFATAL\0VFATAL\0C08P01\0Munsupported startup parameter: search_path\0\0");
  const head = Buffer.from("E....");
  head.writeInt32BE(fields.length + 4, 1);
  return Buffer.concat([head, fields]);
}

it("behind a pooler that takes no start-up parameters, the role's settings count", async () => {
  const proxy = await openProxy(refuseStartUp);
  onTestFinished(() => proxy.close());
  const log: { msg: string; settings?: string[] }[] = [];
  const open = () => {
    const client = createClient({
      connection: { ...proxy.connection, database },
      poolSize: 1,
      log: createLog("info", { write: (line) => void log.push(JSON.parse(line)) }),
    });
    onTestFinished(() => client.close());
    return client;
  };
  const { extra_float_digits = "", DateStyle = "" } = OTHERS;
  // What every pooler takes is sent, and what none needs to know is not.
  await change("the database", { extra_float_digits, DateStyle });
  // The role has no settings yet.
  const early = open();
  await expect(early.query("select 1", [], false)).rejects.toMatchObject({ code: "UNAVAILABLE" });
  const { settings } = log.findLast((line) => line.settings) ?? {};
  expect(settings).toEqual(expect.arrayContaining(["extra_float_digits", "search_path"]));
  expect(settings).not.toContain("DateStyle");
  const direct = createClient({ connection: { ...inject("connection"), database }, poolSize: 1 });
  await configureRole(direct, 1234, createLog("silent"));
  await direct.close();
  await change("the database", OTHERS);
  log.length = 0;
  const client = open();
  for (const [name, value] of Object.entries({ ...SETTINGS, statement_timeout: "1234ms" })) {
    expect([name, ...(await client.query("select current_setting($1)", [name], false))]).toEqual([name, value]);
  }
  expect(client.startUp()).toEqual({});
  expect(log.map(({ msg }) => msg)).toEqual([
    "a pooler does not take all start-up parameters: the role's settings count",
  ]);
  await app.sql.unsafe(`alter role current_user in database ${database} reset all`);
});
