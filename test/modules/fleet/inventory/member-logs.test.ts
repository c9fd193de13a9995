/** The log of a member is read by DBA and ADMIN, without secrets, so many lines and so many logs at a time. */
import { afterAll, describe, expect, it } from "vitest";
import type { LocalProvider } from "../../../../src/providers/local.js";
import { type ProviderMember, UNOBSERVED_MEMBER } from "../../../../src/providers/member.js";
import { testApp } from "../../../support/app.js";
import { hasten, leftBy } from "../../../support/fleet-app.js";
import { insertInstance } from "../../../support/fleet-port.js";
import { NEW, query, useGround } from "../../../support/ground.js";
import { scriptedProvider, unavailable } from "../../../support/scripted-provider.js";

const member = (name: string): ProviderMember => ({ name, role: "PRIMARY", endpoint: null, ...UNOBSERVED_MEMBER });
const lines = (many: number) => Array.from({ length: many }, (_, n) => `line ${n}`);

/** The members whose logs were read. */
let read: string[] = [];
const provider = scriptedProvider();
const reading = (log: (name: string) => readonly string[]) => ({
  log: (name: string) => {
    read.push(name);
    return log(name);
  },
});
const [a, b] = [member("a"), member("b")];
provider.add(
  "two-dev-01",
  { members: [a, b] },
  reading(() => lines(300)),
);
provider.add(
  "many-dev-01",
  { members: lines(21).map(member) },
  reading(() => ["x"]),
);
provider.add(
  "long-dev-01",
  { members: lines(5).map(member) },
  reading(() => ["x".repeat(4_000_000)]),
);
provider.add(
  "leaving-dev-01",
  { members: [a] },
  reading(() => lines(1)),
);
const silent = () => {
  throw unavailable();
};
provider.add("silent-dev-01", { members: [a, b] }, { log: (name) => (name === "a" ? silent() : ["well"]) });

const ground = useGround();
let local: LocalProvider;
const app = testApp({}, async () => {
  local = await ground.open();
  await local.create({ ...NEW, identifier: "real-test-01" });
  return [provider, local];
});
afterAll(() => local?.stopAll());

async function ask(who: Parameters<typeof app.as>[0], id: string, fields = "logTail", variables = {}) {
  read = [];
  const declared = fields.includes("$lines") ? ", $lines: Int" : "";
  const client = await app.as(who);
  const { data, errors } = await client.run(
    `query($id: ID! ${declared}) { instance(id: $id) { identifier members { name ${fields} } } }`,
    { id, ...variables },
  );
  return { data, members: data.instance?.members, errors, codes: errors?.map(({ extensions: { code } }) => code) };
}

describe("of a real cluster", () => {
  it.each(["dba", "admin"] as const)("%s sees what it wrote last, without the password in it", async (who) => {
    const statement = `alter role nobody_${who} password 'geheim-${who}'`;
    await query(local, "real-test-01", async (sql) => {
      // Less is logged unless somebody wants more.
      await sql`set log_min_messages = 'error'`;
      await sql`set log_min_error_statement = 'error'`;
      await expect(sql.unsafe(statement)).rejects.toThrow(/does not exist/);
    });
    const { members, errors } = await ask(who, "real-test-01", "logTail two: logTail(lines: 2)");
    expect(errors).toBeUndefined();
    expect(members).toHaveLength(1);
    const [{ logTail, two }] = members;
    expect(two).toEqual([
      expect.stringMatching(new RegExp(`ERROR: {2}role "nobody_${who}" does not exist$`)),
      expect.stringMatching(new RegExp(`STATEMENT: {2}alter role nobody_${who} password \\[redacted\\]$`)),
    ]);
    expect(logTail.slice(-2)).toEqual(two);
    expect(logTail.length).toBeLessThanOrEqual(50);
    expect(JSON.stringify(logTail)).not.toContain("geheim");
  });

  it("also in the payload of a change", async () => {
    const { data, errors } = await (await app.as("admin")).run(
      `mutation { setEnvironmentMapping(input: { instanceId: "real-test-01", environment: TEST, reason: "It is." })
        { instance { members { last: logTail(lines: 1) } } } }`,
    );
    expect(errors).toBeUndefined();
    expect(data.setEnvironmentMapping.instance.members).toEqual([{ last: [expect.stringMatching(/./)] }]);
  });
});

it.each(["viewer", "analyst", "security"] as const)(
  "%s gets null and an error at its path, and nothing is read",
  async (who) => {
    await app.as(who);
    const { answer, events } = await leftBy(app, () => ask(who, "two-dev-01", "logTail again: logTail(lines: 999)"));
    const nothing = { logTail: null, again: null };
    expect(answer.data.instance).toEqual({
      identifier: "two-dev-01",
      members: [
        { name: "a", ...nothing },
        { name: "b", ...nothing },
      ],
    });
    const places = answer.errors?.map(({ path, extensions: { code, permission } }) => [
      path?.join("."),
      code,
      permission,
    ]);
    expect(places?.sort()).toEqual(
      [0, 1].flatMap((index) =>
        ["again", "logTail"].map((key) => [`instance.members.${index}.${key}`, "FORBIDDEN", "instance-logs:read"]),
      ),
    );
    expect(read).toEqual([]);
    const metadata = { code: "FORBIDDEN", field: "InstanceMember.logTail", permission: "instance-logs:read" };
    expect(events).toMatchObject([{ event_type: "authz_fail", metadata }]);
  },
);

describe("the lines", () => {
  const counts: [string, object, number][] = [
    ["logTail", {}, 50],
    ["logTail(lines: null)", {}, 50],
    ["logTail(lines: 1)", {}, 1],
    ["logTail(lines: $lines)", { lines: 200 }, 200],
    ["logTail(lines: $lines)", {}, 50],
  ];
  it.each(counts)("%s %j answers %i, the last ones", async (field, variables, many) => {
    const { members, errors } = await ask("dba", "two-dev-01", field, variables);
    expect(errors).toBeUndefined();
    const logTail = lines(300).slice(-many);
    expect(members).toEqual([
      { name: "a", logTail },
      { name: "b", logTail },
    ]);
  });

  it.each([
    [0, "BAD_USER_INPUT", { field: "lines" }],
    [-1, "BAD_USER_INPUT", { field: "lines" }],
    [201, "LIMIT_EXCEEDED", { limit: "logLines" }],
    [2_147_483_647, "LIMIT_EXCEEDED", { limit: "logLines" }],
  ])("%i are refused, and nothing is read", async (many, code, detail) => {
    const { members, errors } = await ask("dba", "two-dev-01", "logTail(lines: $lines)", { lines: many });
    expect(members).toEqual([
      { name: "a", logTail: null },
      { name: "b", logTail: null },
    ]);
    expect(errors).toMatchObject([{ extensions: { code, ...detail } }, { extensions: { code, ...detail } }]);
    expect(read).toEqual([]);
  });
});

it("one request reads twenty logs and no more, under whatever names", async () => {
  const { members, errors } = await ask("dba", "many-dev-01");
  expect(read).toHaveLength(20);
  expect(members.filter(({ logTail }: { logTail: unknown }) => logTail === null)).toEqual([
    { name: "line 20", logTail: null },
  ]);
  expect(errors).toMatchObject([{ path: ["instance", "members", 20, "logTail"], extensions: { limit: "logs" } }]);

  const again = await ask(
    "dba",
    "two-dev-01",
    lines(11)
      .map((_, n) => `l${n}: logTail`)
      .join(" "),
  );
  expect(read).toHaveLength(20);
  expect(again.codes).toEqual(["LIMIT_EXCEEDED", "LIMIT_EXCEEDED"]);
});

it("logs count towards the longest answer", async () => {
  const { members, errors } = await ask("dba", "long-dev-01");
  expect(members.filter(({ logTail }: { logTail: unknown }) => logTail !== null)).toHaveLength(4);
  expect(errors).toMatchObject([{ extensions: { code: "LIMIT_EXCEEDED", limit: "answer" } }]);
});

it("a provider that does not answer takes nothing else along", async () => {
  const { members, errors } = await ask("dba", "silent-dev-01");
  expect(members).toEqual([
    { name: "a", logTail: null },
    { name: "b", logTail: ["well"] },
  ]);
  expect(errors).toMatchObject([{ path: ["instance", "members", 0, "logTail"], extensions: { code: "UNAVAILABLE" } }]);
});

it("of an instance that has vanished there is no log; of one whose provider is elsewhere it is said so", async () => {
  provider.instances.delete("leaving-dev-01");
  provider.scripts.delete("leaving-dev-01");
  await hasten(app, "inventory-scripted");
  const [gone] = await app.sql`select vanished_at from instances where identifier = 'leaving-dev-01'`;
  expect(gone?.vanished_at).not.toBeNull();
  const [row] = await app.sql`select id::text from instances where identifier = 'leaving-dev-01'`;
  const left = await ask("dba", row?.id);
  expect(left).toMatchObject({ members: [{ name: "a", logTail: null }], errors: undefined });

  const elsewhere = await insertInstance(app, "TEST", { members: [a] }, "elsewhere");
  const { members, errors } = await ask("dba", elsewhere);
  expect(members).toEqual([{ name: "a", logTail: null }]);
  expect(errors).toMatchObject([{ extensions: { code: "FAILED_PRECONDITION", state: "unsupported" } }]);
});
