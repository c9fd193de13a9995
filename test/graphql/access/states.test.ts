/** Every root field for whoever is let in no more, or belongs elsewhere: what they get, that nothing changes, and what is on record. */
import { beforeAll, describe, expect, it } from "vitest";
import { insertMissing, specimens } from "../../specimens/index.js";
import { isOwned, ownedBy } from "../../specimens/ownership.js";
import { keyOf, type Role, tableOf } from "../../specimens/specimen.js";
import { type Answer, type Client, EMAILS, PASSWORD, type Somebody, signIn, testApp } from "../../support/app.js";
import { isDeep } from "../../support/deep.js";
import { silentProvider } from "../../support/fleet-port.js";
import { CALLERS, lookingInto, ROLES } from "./callers.js";
import { matrixOf } from "./matrix.js";
import { documentOf } from "./other-mutations.js";

const app = testApp({}, async () => [silentProvider()]);
const { digest, idOf, mark, recordsSince } = lookingInto(app);
const { queries, mutations, selectionOf } = matrixOf(app);

const ENDED = "Your session has ended: sign in again.";
const EXPIRED = "Your access token has expired: call refreshSession or sign in again.";

/** Why an access token counts no more: how that comes about, and what its bearer is told. */
const STATES = {
  "a revoked session": {
    told: ENDED,
    ends: "mutation($id: ID!) { revokeSessions(input: { userId: $id }) { revoked } }",
  },
  "an expired token": { told: EXPIRED, ends: null },
  "a locked account": {
    told: ENDED,
    ends: 'mutation($id: ID!) { lockUser(input: { id: $id, reason: "Lost." }) { user { id } } }',
  },
  "a deactivated account": {
    told: ENDED,
    ends: 'mutation($id: ID!) { deactivateUser(input: { id: $id, reason: "Gone." }) { user { id } } }',
  },
} as const;
type State = keyof typeof STATES;
const STATE_NAMES = Object.keys(STATES) as State[];

interface KeptOut {
  readonly email: string;
  readonly id: string;
  readonly client: Client;
  readonly refreshToken: string;
}

/** Makes a user of the role who was signed in, and is in that state now. */
async function keepOut(state: State, role: Role): Promise<KeptOut> {
  const email = `${role}.${STATE_NAMES.indexOf(state)}@kept-out.example`.toLowerCase();
  const [user] = await app.sql`
    insert into users (email, password_hash, role, organization_id)
    select ${email}, password_hash, role, organization_id from users where email = ${EMAILS[role.toLowerCase() as Somebody]}
    returning id::text`;
  const { ends } = STATES[state];
  if (!ends) app.clock.aheadMs = -16 * 60_000;
  const { accessToken, refreshToken } = await signIn(app.anonymous, email);
  app.clock.aheadMs = 0;
  if (ends) {
    const { errors } = await (await app.as("security")).run(ends, { id: user?.id });
    expect(errors).toBeUndefined();
  }
  return { email, id: user?.id, client: app.withToken(accessToken), refreshToken };
}

const keptOut = new Map<string, KeptOut>();
const whoIs = (state: State, role: Role) => keptOut.get(`${state} ${role}`)!;

beforeAll(async () => {
  await insertMissing(app, specimens);
  // Sign-ins leave events of their own; none may fall between two looks.
  for (const who of Object.keys(EMAILS) as Somebody[]) await app.as(who);
  for (const state of STATE_NAMES) {
    for (const role of ROLES) keptOut.set(`${state} ${role}`, await keepOut(state, role));
  }
});

/**
 * Whom to ask a field as: in the long form every role in every state. The short form asks each field in each state, and over the fields
 * each role is in each state.
 */
const callsOf = (index: number): [State, Role][] =>
  STATE_NAMES.flatMap((state, n) =>
    (isDeep ? ROLES : [ROLES[(n + index) % ROLES.length]!]).map((role): [State, Role] => [state, role]),
  );

async function expectKeptOut(state: State, field: string, ask: () => Promise<Answer>) {
  const before = await mark();
  const { status, data, errors } = await ask();
  const name = field.split(".")[1]!;
  expect([status, data]).toEqual([401, { [name]: null }]);
  expect(errors).toMatchObject([
    { message: STATES[state].told, path: [name], extensions: { code: "UNAUTHENTICATED" } },
  ]);
  const { records, events } = await recordsSince(before);
  expect(records).toEqual([]);
  expect(events).toMatchObject([
    { event_type: "authz_fail", event_status: "FAILURE", user_id: null, ip_address: "127.0.0.1" },
  ]);
  const { metadata } = events[0] as { metadata: unknown };
  expect(typeof metadata === "string" ? JSON.parse(metadata) : metadata).toMatchObject({
    code: "UNAUTHENTICATED",
    field,
  });
}

/** Looks at every row before and after all calls of a field, because one look takes longer than a call. */
function expectUnchanged(prepare: () => Promise<void>): void {
  let unchanged: string;
  beforeAll(async () => {
    await prepare();
    unchanged = await digest();
  });
  it("and nothing has changed", async () => expect(await digest()).toBe(unchanged));
}

describe.each(Object.keys(queries).map((name, index) => [name, index] as const))("Query.%s", (name, index) => {
  it.each(callsOf(index))("with %s of role %s", (state, role) =>
    expectKeptOut(state, `Query.${name}`, async () =>
      whoIs(state, role).client.run(`{ ${await selectionOf(name, role)} }`),
    ),
  );
  expectUnchanged(async () => {});
});

const guarded = Object.keys(mutations).filter((name) => mutations[name]?.callers !== CALLERS);

describe.each(guarded.map((name, index) => [name, index] as const))("Mutation.%s", (name, index) => {
  const { input, selection } = mutations[name]!;
  const calls = callsOf(index);
  const inputs = new Map<Role, object>();
  it.each(calls)("with %s of role %s", (state, role) =>
    expectKeptOut(state, `Mutation.${name}`, () =>
      whoIs(state, role).client.run(documentOf(name, selection), { input: inputs.get(role) }),
    ),
  );
  expectUnchanged(async () => {
    for (const [, role] of calls) if (!inputs.has(role)) inputs.set(role, await input(role));
  });
});

/** The doors, which look at no access token: whether they let in by other credentials, and the event that they leave, or none. */
const DOORS: Record<
  string,
  { input(who: KeptOut): object; letsIn: Record<State, boolean>; leaves: Record<State, string[]> }
> = {
  signIn: {
    input: ({ email }) => ({ email, password: PASSWORD }),
    letsIn: {
      "a revoked session": true,
      "an expired token": true,
      "a locked account": false,
      "a deactivated account": false,
    },
    leaves: {
      "a revoked session": ["authn_login_success"],
      "an expired token": ["authn_login_success"],
      "a locked account": ["authn_login_fail"],
      "a deactivated account": ["authn_login_fail"],
    },
  },
  refreshSession: {
    input: ({ refreshToken }) => ({ refreshToken }),
    letsIn: {
      "a revoked session": false,
      "an expired token": true,
      "a locked account": false,
      "a deactivated account": false,
    },
    leaves: {
      "a revoked session": ["authn_login_fail"],
      "an expired token": ["session_renewed"],
      "a locked account": ["authn_login_fail"],
      "a deactivated account": ["authn_login_fail"],
    },
  },
  // Whoever signs out of what has ended is signed out.
  signOut: {
    input: ({ refreshToken }) => ({ refreshToken }),
    letsIn: {
      "a revoked session": true,
      "an expired token": true,
      "a locked account": true,
      "a deactivated account": true,
    },
    leaves: {
      "a revoked session": [],
      "an expired token": ["session_expired"],
      "a locked account": [],
      "a deactivated account": [],
    },
  },
};

it("knows every door", () => {
  const doors = Object.keys(mutations).filter((name) => !guarded.includes(name));
  expect(Object.keys(DOORS).sort()).toEqual(doors.sort());
});

describe.each(Object.entries(DOORS).map(([name, door], index) => [name, index, door] as const))(
  "Mutation.%s",
  (name, index, { input, letsIn, leaves }) => {
    const living = async () =>
      (await app.sql`select count(*)::int as n, max(expires_at) as newest from sessions where revoked_at is null`)[0];
    it.each(callsOf(index))("with %s of role %s", async (state, role) => {
      const who = whoIs(state, role);
      const [before, sessions] = [await mark(), await living()];
      const { status, data, code } = await who.client.run(documentOf(name, mutations[name]!.selection), {
        input: input(who),
      });
      const { records, events } = await recordsSince(before);
      expect(records).toEqual([]);
      expect(events.map(({ event_type }) => event_type)).toEqual(leaves[state]);
      for (const { user_id } of events) expect(String(user_id)).toBe(who.id);
      if (letsIn[state]) {
        expect([status, data[name]]).toEqual([200, expect.any(Object)]);
        return;
      }
      expect([status, code, data]).toEqual([401, "UNAUTHENTICATED", { [name]: null }]);
      expect(await living()).toEqual(sessions);
    });
  },
);

/** Somebody of the second organization, who asks for what is the first one's. */
describe("of another organization", () => {
  it.each(Object.keys(queries))("Query.%s", async (name) => {
    const { callers, of, isOne } = queries[name]!;
    const client = await app.as("otherViewer");
    const [before, selection] = [await mark(), await selectionOf(name, "VIEWER")];
    const { status, data, errors } = await client.run(`{ ${selection} }`);
    const { records, events } = await recordsSince(before);
    expect(records).toEqual([]);
    if (!callers.includes("VIEWER")) {
      expect([status, data, errors?.[0]?.extensions.code]).toEqual([403, { [name]: null }, "FORBIDDEN"]);
      expect(events).toHaveLength(1);
      return;
    }
    expect([status, errors, events]).toEqual([200, undefined, []]);
    if (!of) return;
    const theirs = of.seenBy?.(await idOf("VIEWER")) ?? (isOwned(of) ? ownedBy(of, "1") : "false");
    if (isOne) {
      if (theirs === "false") expect(data[name]).toBeTruthy();
      else expect(data[name]).toBeNull();
      return;
    }
    const rows = await app.sql.unsafe(`select ${keyOf(of)}::text as id from ${tableOf(of)} t where ${theirs}`);
    const seen = data[name].nodes.map(({ id }: { id: string }) => id);
    expect(rows.filter(({ id }) => seen.includes(id))).toEqual([]);
  });

  it.each(guarded.filter((name) => mutations[name]?.elsewhere ?? !mutations[name]?.callers.includes("ANALYST")))(
    "Mutation.%s",
    async (name) => {
      const { callers, input, selection, elsewhere } = mutations[name]!;
      const client = await app.as("otherAnalyst");
      const given = await input("ANALYST");
      const [before, digestBefore] = [await mark(), await digest()];
      const { data, code } = await client.run(documentOf(name, selection), { input: given });
      const expected = callers.includes("ANALYST") ? elsewhere : "FORBIDDEN";
      expect([data, code]).toEqual([{ [name]: null }, expected]);
      expect(await digest()).toBe(digestBefore);
      const { records, events } = await recordsSince(before);
      expect(records).toMatchObject([{ success: false }]);
      expect(events.map(({ event_type }) => event_type)).toEqual(expected === "FORBIDDEN" ? ["authz_fail"] : []);
    },
  );

  it("leaves out only what is about the caller's own", () => {
    const own = guarded.filter((name) => mutations[name]?.callers.includes("ANALYST") && !mutations[name]?.elsewhere);
    expect(own.sort()).toEqual(["changePassword", "revokeSessions"]);
  });
});
