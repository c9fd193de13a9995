/** Every request to /graphql takes a point: of its user, or of its address where nobody is signed in. */
import { connect } from "node:net";
import { beforeAll, expect, it } from "vitest";
import { type Client, EMAILS, PASSWORD, signIn, testApp } from "../support/app.js";
import { clientOfAddress, limitEvents, nextAddress } from "./asking.js";

const LIMITS = {
  authentication: { account: { points: 1000 } },
  api: { signedIn: { points: 8 }, anonymous: { points: 5 }, roles: { ADMIN: { points: 3, seconds: 30 } } },
};
const app = testApp({ RATE_LIMITS: JSON.stringify(LIMITS), TRUSTED_PROXIES: "1" });
const NAME = "{ __typename }";

const tokens: Record<string, string> = {};
beforeAll(async () => {
  for (const who of ["viewer", "analyst", "admin", "dba"] as const) {
    tokens[who] = (await signIn(clientOfAddress(app, nextAddress()), EMAILS[who])).accessToken;
  }
});
const as = (who: string) => clientOfAddress(app, nextAddress(), tokens[who]!);

const statuses = async (client: Client, count: number, query = NAME) => {
  const all: number[] = [];
  for (let n = 0; n < count; n++) all.push((await client.run(query)).status);
  return all;
};
const headersOf = ({ headers }: { headers: Headers }) =>
  ["ratelimit", "ratelimit-policy", "retry-after"].map((name) => headers.get(name));

it("an address that is not signed in has its points, and is refused with all that a client needs to wait", async () => {
  const ip = nextAddress();
  const client = clientOfAddress(app, ip);
  const first = await client.run(NAME);
  expect(headersOf(first)).toEqual(['"api";r=4;t=60', '"api";q=5;w=60', null]);
  expect(await statuses(client, 4)).toEqual(Array(4).fill(200));
  app.statements.length = 0;
  const refused = await client.run("mutation { signOut { signedOut } }");
  expect(refused).toMatchObject({ status: 429, code: "RATE_LIMITED", data: undefined });
  const { retryAfterSeconds: seconds } = refused.errors![0]!.extensions;
  expect(refused.errors![0]!.message).toBe(`You have asked for this too often. Try again in ${seconds} s.`);
  expect(headersOf(refused)).toEqual([`"api";r=0;t=${seconds}`, '"api";q=5;w=60', `${seconds}`]);
  await statuses(client, 3);
  const others = clientOfAddress(app, nextAddress());
  expect(await statuses(others, 1)).toEqual([200]);
  const known = [{ user_id: null, event_status: "WARNING", tier: "api", by: "address", points: 5, seconds: 60 }];
  await expect.poll(() => limitEvents(app, ip)).toEqual(known);
  expect(app.statements).toHaveLength(1);

  app.clock.aheadMs += seconds * 1000;
  expect(await statuses(client, 6)).toEqual([...Array(5).fill(200), 429]);
  await expect.poll(() => limitEvents(app, ip)).toEqual([...known, ...known]);
});

it("who asks on and on is refused slowly, and keeps nobody else waiting", async () => {
  const client = clientOfAddress(app, nextAddress());
  expect(await statuses(client, 6)).toEqual([...Array(5).fill(200), 429]);
  const ended: string[] = [];
  const repeated = client.run(NAME).then(({ status }) => ended.push(`repeated ${status}`));
  for (const n of [1, 2]) ended.push(`other ${n} ${(await clientOfAddress(app, nextAddress()).run(NAME)).status}`);
  await repeated;
  expect(ended).toEqual(["other 1 200", "other 2 200", "repeated 429"]);
});

it("a user has the same points wherever they come from, and as many as their role", async () => {
  expect(await statuses(as("viewer"), 4)).toEqual(Array(4).fill(200));
  expect(await statuses(as("viewer"), 5)).toEqual([...Array(4).fill(200), 429]);
  expect(await statuses(as("analyst"), 1)).toEqual([200]);
  expect(await statuses(as("admin"), 4)).toEqual([200, 200, 200, 429]);
  const events = () => app.sql`
    select metadata ->> 'by' as by, metadata ->> 'points' as points from security_events e join users u on u.id = e.user_id
    where event_type = 'excess_rate_limit_exceeded' and metadata ? 'tier' and u.email = ${EMAILS.admin}`;
  await expect.poll(events).toEqual([{ by: "user", points: "3" }]);
});

it("what is no GraphQL takes a point as well, and a body is not read to refuse it", async () => {
  const ip = nextAddress();
  const post = (body: string, type = "application/json") =>
    fetch(`${app.url}/graphql`, {
      method: "POST",
      headers: { "content-type": type, "x-forwarded-for": ip },
      body,
    }).then(({ status }) => status);
  const sent = [
    post("{"),
    post("[]"),
    post('{"query":"{"}'),
    post("<a/>", "text/xml"),
    post('{"query":"{ nothing }"}'),
  ];
  expect(await Promise.all(sent)).toEqual([400, 400, 400, 415, 400]);
  // The body never comes.
  const { hostname, port } = new URL(app.url);
  const answer = await new Promise<string>((resolve, reject) => {
    const socket = connect(Number(port), hostname, () =>
      socket.write(
        `POST /graphql HTTP/1.1\r\nhost: a\r\nx-forwarded-for: ${ip}\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n`,
      ),
    );
    socket.once("data", (data) => {
      resolve(data.toString());
      socket.destroy();
    });
    socket.once("error", reject);
  });
  expect(answer).toMatch(/^HTTP\/1.1 429 /);
});

it("health, version and the page take none", async () => {
  const ip = nextAddress();
  await statuses(clientOfAddress(app, ip), 6);
  const paths = ["/health/live", "/health/ready", "/version", "/graphql"];
  const gets = paths.map((path) => fetch(app.url + path, { headers: { "x-forwarded-for": ip, accept: "text/html" } }));
  const answers = await Promise.all(gets);
  expect(answers.slice(0, 3).map(({ status }) => status)).toEqual([200, 200, 200]);
  // The page may not be built.
  expect(answers[3]!.status).not.toBe(429);
});

it("signing in and refreshing give the point back, so that an office behind one address can work", async () => {
  const client = clientOfAddress(app, nextAddress());
  let refreshToken = "";
  for (let n = 0; n < 6; n++) ({ refreshToken } = await signIn(client, EMAILS.dba));
  const refreshed = await client.run(
    "mutation($input: RefreshSessionInput!) { refreshSession(input: $input) { viewer { role } } }",
    { input: { refreshToken } },
  );
  expect(refreshed.data.refreshSession).toEqual({ viewer: { role: "DBA" } });
  expect(await statuses(client, 6)).toEqual([...Array(5).fill(200), 429]);
});

it("whoever signs in or refreshes takes the point of their user, also from a session of their own", async () => {
  const ip = nextAddress();
  const client = clientOfAddress(app, ip);
  const REFRESH =
    "mutation($input: RefreshSessionInput!) { refreshSession(input: $input) { accessToken refreshToken } }";
  const { accessToken, refreshToken } = await signIn(client, EMAILS.security);
  const input = { refreshToken };
  // The same token, which answers the same for ten seconds.
  for (let n = 0; n < 3; n++) expect((await client.run(REFRESH, { input })).status).toBe(200);
  const own = clientOfAddress(app, ip, accessToken);
  expect((await own.run(REFRESH, { input })).status).toBe(200);
  expect(await statuses(own, 4)).toEqual([200, 200, 200, 429]);
});

it("who signs in again and again takes the points of the address where their own are used up", async () => {
  const client = clientOfAddress(app, nextAddress());
  const query = `mutation { signIn(input: { email: "${EMAILS.otherViewer}", password: "${PASSWORD}" }) { viewer { role } } }`;
  expect(await statuses(client, 14, query)).toEqual([...Array(8 + 5).fill(200), 429]);
});

it("a token that does not count leaves its request to the address", async () => {
  const ip = nextAddress();
  expect(await statuses(clientOfAddress(app, ip, "abc.def.ghi"), 6)).toEqual([...Array(5).fill(200), 429]);
  expect(await statuses(clientOfAddress(app, ip), 1)).toEqual([429]);
  expect(await statuses(clientOfAddress(app, ip, tokens.dba!), 1)).toEqual([200]);
});

it("spellings and neighbours of an IPv6 address are one network", async () => {
  const spellings = [
    "2001:db8::1",
    "2001:0DB8:0:0::2",
    "2001:db8:0:0:ffff::",
    "2001:0db8:0000:0000:0000:0000:0000:0003",
  ];
  for (const ip of spellings) expect(await statuses(clientOfAddress(app, ip), 1)).toEqual([200]);
  expect(await statuses(clientOfAddress(app, "2001:db8::f"), 2)).toEqual([200, 429]);
  expect(await statuses(clientOfAddress(app, "2001:db8:0:1::1"), 1)).toEqual([200]);
  // A zone is the client's choice.
  expect(await statuses(clientOfAddress(app, "2001:db8::%a:b:c:d:e:f:1"), 1)).toEqual([429]);
});

it("an IPv4 address within an IPv6 one is that IPv4 address, and not one of a network of all", async () => {
  const forms = ["198.51.100.9", "::FFFF:198.51.100.9", "0:0:0:0:0:ffff:c633:6409", "64:ff9b::198.51.100.9"];
  for (const ip of forms) expect(await statuses(clientOfAddress(app, ip), 1)).toEqual([200]);
  expect(await statuses(clientOfAddress(app, "::ffff:c633:6409"), 2)).toEqual([200, 429]);
  for (const ip of ["0:0:0:0:0:ffff:c633:640a", "64:ff9b::198.51.100.11"]) {
    expect(await statuses(clientOfAddress(app, ip), 5)).toEqual(Array(5).fill(200));
  }
});

it("a page of another site may read when to come back", async () => {
  const response = await fetch(`${app.url}/graphql`, {
    method: "POST",
    headers: { "content-type": "application/json", origin: "http://localhost:3000", "x-forwarded-for": nextAddress() },
    body: JSON.stringify({ query: NAME }),
  });
  expect(response.headers.get("access-control-expose-headers")).toBe(
    "x-request-id,retry-after,ratelimit,ratelimit-policy",
  );
});
