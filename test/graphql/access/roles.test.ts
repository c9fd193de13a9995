/** Who may call what: every root field as every role and as nobody, with what each refusal leaves behind. */
import { beforeAll, describe, expect, it } from "vitest";
import { insertMissing, specimens } from "../../specimens/index.js";
import { EMAILS, type Somebody, signIn, testApp } from "../../support/app.js";
import { isDeep } from "../../support/deep.js";
import { silentProvider } from "../../support/fleet-port.js";
import { CALLERS, type Caller, expectRefusal, lookingInto, ROLES } from "./callers.js";
import { matrixOf } from "./matrix.js";
import { documentOf } from "./other-mutations.js";

const app = testApp({}, async () => [silentProvider()]);
const { clientOf, idOf, digest, mark, recordsSince, expectEvent } = lookingInto(app);

const { queries, mutations, selectionOf } = matrixOf(app);

beforeAll(async () => {
  await insertMissing(app, specimens);
  // Sign-ins leave events of their own; none may fall between two looks.
  for (const role of ROLES) await clientOf(role);
});

it("the matrix holds every root field of the schema, and none besides", () => {
  expect(Object.keys(queries).sort()).toEqual(Object.keys(app.schema.getQueryType()!.getFields()).sort());
  expect(Object.keys(mutations).sort()).toEqual(Object.keys(app.schema.getMutationType()!.getFields()).sort());
});

describe.each(Object.keys(queries))("Query.%s", (name) => {
  const { callers } = queries[name]!;

  it.each(callers)("answers %s and records nothing", async (caller) => {
    const before = await mark();
    const { status, data, errors } = await (await clientOf(caller)).run(`{ ${await selectionOf(name, caller)} }`);
    expect(errors).toBeUndefined();
    expect(status).toBe(200);
    expect(data[name]).not.toBeNull();
    if (data[name].nodes) expect(data[name].nodes.length, "rows of the demo, in src/seed/demo.ts").toBeGreaterThan(0);
    expect(await recordsSince(before)).toEqual({ records: [], events: [] });
  });

  it.each(CALLERS.filter((caller) => !callers.includes(caller)))("refuses %s", async (caller) => {
    const client = await clientOf(caller);
    const selection = await selectionOf(name, caller);
    const before = await mark();
    const code = expectRefusal(caller, await client.run(`{ ${selection} }`), name, true);
    const { records, events } = await recordsSince(before);
    expect(records).toEqual([]);
    expect(events).toHaveLength(1);
    await expectEvent(caller, events[0], code, `Query.${name}`);

    const again = await mark();
    const rest = caller === null ? "__typename" : "viewer { role }";
    const beside = await client.run(`{ first: ${rest} ${selection} last: ${rest} }`);
    expectRefusal(caller, beside, name, false);
    const kept = caller === null ? "Query" : { role: caller };
    expect(beside.data).toEqual({ first: kept, [name]: null, last: kept });
    expect((await recordsSince(again)).events).toHaveLength(1);
  });
});

describe.each(Object.keys(mutations))("Mutation.%s", (name) => {
  const { callers, input, selection, actions, many, isOfNoRow, events: left = 0 } = mutations[name]!;
  const isDoor = callers === CALLERS;

  it.each(callers)(`is done for %s and recorded once`, async (caller) => {
    // Signing out ends the session of the token that comes along, so that one is not shared.
    const own = name === "signOut" && caller !== null;
    const client = own
      ? app.withToken((await signIn(app.anonymous, EMAILS[caller.toLowerCase() as Somebody])).accessToken)
      : await clientOf(caller);
    const given = await input(caller);
    // An event is no row that the digest knows. What a call changes does not depend on who may make it, and a look takes longer than it.
    const isLookedAt = !isOfNoRow && name !== "recordSecurityEvent" && (isDeep || caller === callers[0]);
    const [before, digestBefore] = [await mark(), isLookedAt && (await digest())];
    const { status, data, errors } = await client.run(documentOf(name, selection), { input: given });
    expect(errors).toBeUndefined();
    expect(status).toBe(200);
    expect(data[name]).not.toBeNull();
    if (isLookedAt) expect(await digest()).not.toBe(digestBefore);
    const { records, events } = await recordsSince(before);
    if (isDoor) {
      expect(records).toEqual([]);
      expect(events).toHaveLength(own ? 2 : 1);
      return;
    }
    expect(events).toHaveLength(left);
    if (actions) expect(records.map(({ action }) => action)).toEqual(actions);
    else expect(records).toHaveLength(1);
    const record = records.at(-1);
    expect(record).toMatchObject({ success: true, user_id: await idOf(caller) });
    if (many) {
      const result = typeof record?.result === "string" ? JSON.parse(record.result) : record?.result;
      expect(result).toEqual({ ids: [expect.stringMatching(/^\d+$/)] });
    } else if (isOfNoRow) expect(record?.resource_id).toBeNull();
    else expect(record?.resource_id).toMatch(/^\d+$/);
    expect(record?.action).toMatch(/^[a-z-]+\.[a-z-]+$/);
  });

  const refused = CALLERS.filter((caller) => !callers.includes(caller));
  describe.runIf(refused.length > 0)("and to nobody else", () => {
    const inputs = new Map<Caller, object>();
    let unchanged: string;
    beforeAll(async () => {
      for (const caller of refused) inputs.set(caller, await input(caller));
      unchanged = await digest();
    });
    it.each(refused)("is refused to %s and changes nothing", async (caller) => {
      const client = await clientOf(caller);
      const before = await mark();
      const answer = await client.run(documentOf(name, selection), { input: inputs.get(caller) });
      const code = expectRefusal(caller, answer, name, true);
      // The last look sees what any of them changed; the long form says which.
      if (isDeep || caller === refused.at(-1)) expect(await digest()).toBe(unchanged);
      const { records, events } = await recordsSince(before);
      expect(events).toHaveLength(1);
      await expectEvent(caller, events[0], code, `Mutation.${name}`);
      expect(records).toHaveLength(caller === null ? 0 : 1);
      if (caller === null) return;
      const { result, actor } = records[0] as Record<string, string | object>;
      expect(records[0]).toMatchObject({ success: false, user_id: await idOf(caller) });
      expect(typeof result === "string" ? JSON.parse(result) : result).toMatchObject({ code: "FORBIDDEN" });
      expect(typeof actor === "string" ? JSON.parse(actor) : actor).toMatchObject({
        type: "user",
        id: await idOf(caller),
        role: caller,
      });
    });
  });
});
