/** What is kept for callers: in one bounded store, weighed by what it holds, and out of reach of whoever sends much. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { getIntrospectionQuery, parse } from "graphql";
import { describe, expect, it } from "vitest";
import { createCache } from "../../../src/cache.js";
import { trimDocument } from "../../../src/graphql/fast-path/known-documents.js";
import { createIntrospection } from "../../../src/graphql/introspection.js";
import { compressBody } from "../../../src/http/compression.js";
import { type Client, testApp } from "../../support/app.js";
import { cases, some } from "../../support/deep.js";

// biome-ignore lint/suspicious/noExplicitAny: answers are looked at, not computed with
type Json = any;

setFlagsFromString("--expose-gc");
const collect: () => void = runInNewContext("gc");
/** @returns bytes that are in use */
async function held(): Promise<number> {
  // What was made in this turn is held until it ends.
  await new Promise((resolve) => setImmediate(resolve));
  collect();
  return process.memoryUsage().heapUsed;
}

describe("the store", () => {
  const KIB = 1024;
  const filled = (count: number, cache = createCache(100 * KIB)) => {
    const region = cache.region<number>();
    const keys = (name: string) => Array.from({ length: count }, (_, n) => `${name} ${n}`);
    return { cache, region, keys };
  };
  const left = (region: { get(key: string): unknown }, keys: string[]) =>
    keys.filter((key) => region.get(key) !== undefined);

  it("keeps what others hold while one adds more and more", () => {
    const { cache, region, keys } = filled(20);
    for (const [n, key] of keys("tenant").entries()) region.set("tenant", key, n, KIB);
    for (let round = 0; round < 2; round++) {
      for (let n = 0; n < 5000; n++) {
        region.set("attacker", `attacker ${n}`, n, KIB);
        // Used at once, as by who sends everything twice.
        region.get(`attacker ${n}`);
      }
    }
    expect(left(region, keys("tenant"))).toEqual(keys("tenant"));
    expect(cache.weight).toBeLessThanOrEqual(100 * KIB);
    expect(cache.weight).toBeGreaterThan(95 * KIB);
  });

  it("parts evenly among those who add much, whoever came first", () => {
    const { region, keys } = filled(200);
    for (const name of ["a", "b", "c"]) for (const key of keys(name)) region.set(name, key, 0, KIB);
    const shares = ["a", "b", "c"].map((name) => left(region, keys(name)).length);
    expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(1);
    expect(shares.reduce((sum, share) => sum + share)).toBe(Math.floor((100 * KIB) / (KIB + 500)));
  });

  it("of one holder lets go of the oldest that nobody has asked for since", () => {
    const { region, keys } = filled(67);
    for (const key of keys("a")) region.set("a", key, 0, KIB);
    region.get("a 0");
    region.get("a 2");
    for (const key of ["new", "newer"]) region.set("a", key, 0, KIB);
    expect(left(region, keys("a"))).toEqual(keys("a").filter((key) => key !== "a 1" && key !== "a 3"));
  });

  it("takes nothing that would push out a large part, and tells of what goes", () => {
    const dropped: number[] = [];
    const cache = createCache(100 * KIB);
    const [region, other] = [cache.region<number>((value) => dropped.push(value)), cache.region<number>()];
    region.set("a", "x", 1, 10 * KIB);
    other.set("a", "x", 2, 10 * KIB);
    region.set("a", "x", 3, 12 * KIB);
    expect([dropped, region.get("x"), other.get("x")]).toEqual([[1], 3, 2]);
    region.set("a", "y", 4, 13 * KIB);
    expect([dropped, region.get("y")]).toEqual([[1], undefined]);
    expect(cache.weight).toBe(22 * KIB + 1000);
    region.delete("x");
    other.delete("x");
    expect([dropped, cache.weight]).toEqual([[1, 3], 0]);
  });
});

describe("a document", () => {
  const KINDS: Record<string, (n: number) => string> = {
    tiny: (n) => `{ scan(id: "${n}") { id } }`,
    usual: (n) =>
      `query Usual${n}($id: ID!) { scan(id: $id) { id targetUrl organization { id name } vulnerabilities(first: 5, filter: { severity: { in: [HIGH, LOW] } }) { nodes { id title severity } } } }`,
    introspection: (n) => `# ${n}\n${getIntrospectionQuery()}`,
    "texts in a list": (n) =>
      `{ scans(filter: { scanType: { in: [${Array.from({ length: 400 }, (_, i) => `"a long text of its own ${n} ${i}"`)}] } }) { totalCount } }`,
    "a long comment": (n) => `# ${n} ${"c".repeat(30_000)}\n{ viewer { role } }`,
    "a comment in another script": (n) => `# ${n} ${"Ж".repeat(10_000)}\n{ viewer { role } }`,
    "comments between names": (n) => `{ viewer { ${`role # ${n}\n`.repeat(300)} } }`,
    aliases: (n) => `{ viewer { ${Array.from({ length: 500 }, (_, i) => `a${i}:role`).join(" ")} } } # ${n}`,
    directives: (n) => `{ viewer { ${"role @include(if: true) ".repeat(150)} } } # ${n}`,
  };

  it.each(some(Object.entries(KINDS), 3))("weighs no less than it holds: %s", async (_, make) => {
    // So many that what else this process keeps counts little.
    const count = Math.min(Math.max(Math.ceil(300_000 / make(0).length), 50), 2000);
    const fill = () => {
      const kept: object[] = [];
      let weight = 0;
      for (let n = 0; n < count; n++) {
        // As it comes out of a body, and not shared with the other texts.
        const text: string = JSON.parse(JSON.stringify(make(n)));
        const document = parse(text);
        weight += trimDocument(document, text);
        kept.push({ text, document });
      }
      return { kept, weight };
    };
    // What the engine keeps of the code itself is there before; what else ends or begins in this process is told by the other tries.
    const all = [fill().kept];
    const shares: number[] = [];
    for (let attempt = 0; attempt < 3; attempt++) {
      const before = await held();
      const { kept, weight } = fill();
      all.push(kept);
      shares.push(((await held()) - before) / weight);
    }
    expect(all.map(({ length }) => length)).toEqual(Array(4).fill(count));
    const share = shares.sort((one, other) => one - other)[1] as number;
    expect(share).toBeLessThan(1.05);
    // Nor much more.
    expect(share).toBeGreaterThan(0.3);
  });

  it("lets go of its tokens", async () => {
    const document = parse("# a comment\n{ viewer { role } }");
    const tokens = [document.loc?.startToken, document.loc?.startToken.next, document.loc?.endToken];
    const refs = tokens.map((token) => new WeakRef(token as object));
    tokens.length = 0;
    trimDocument(document, "");
    await held();
    expect(refs.map((ref) => ref.deref())).toEqual([undefined, undefined, undefined]);
    expect(document.definitions[0]?.loc?.start).toBe(12);
  });
});

describe("with a store of 1 MiB", () => {
  const app = testApp({ CACHE_MIB: "1" });
  const past = async (client: Client, query: string) => {
    app.log.length = 0;
    const { status } = await client.run(query);
    return [status, app.log.filter(({ msg }) => msg === "went past Apollo").length];
  };
  async function runAll(client: Client, queries: string[]) {
    const statuses = new Set<number>();
    for (let at = 0; at < queries.length; at += 20) {
      for (const { status } of await Promise.all(queries.slice(at, at + 20).map((query) => client.run(query)))) {
        statuses.add(status);
      }
    }
    return [...statuses];
  }

  it("keeps the documents of another tenant, whatever one sends, and no more than fits", async () => {
    const [attacker, tenant] = [await app.as("viewer"), await app.as("otherViewer")];
    const own = Array.from({ length: 5 }, (_, n) => `{ scans(first: ${n + 1}) { nodes { id } } }`);
    await runAll(tenant, own);
    const list = Array.from({ length: 250 }, (_, n) => `"${n}"`).join();
    const make = (n: number) => `{ scans(filter: { scanType: { in: [${list}] } }, first: 1) { totalCount } } # ${n}`;
    // All together would hold more than 7 MiB, several times what may be kept.
    const flood = Array.from({ length: cases(150, 10_000) }, (_, n) => make(n));
    await runAll(attacker, flood.splice(0, 25));
    const before = await held();
    for (let round = 0; round < 2; round++) expect(await runAll(attacker, flood)).toEqual([200]);
    app.log.length = 0;
    app.statements.length = 0;
    expect((await held()) - before).toBeLessThan(4 * 1_048_576);
    for (const query of own) expect(await past(tenant, query)).toEqual([200, 1]);
    // The oldest of the flood have gone: it has filled the store.
    expect(await past(attacker, flood[0] as string)).toEqual([200, 0]);
  }, 120_000);
});

describe("with the usual store", () => {
  const app = testApp();
  const past = () => app.log.filter(({ msg }) => msg === "went past Apollo").length;

  it("tells the place of an error in a document that came before", async () => {
    const viewer = await app.as("viewer");
    const query = `# first\n{\n  scan(id: "1") { ${"id # again\n".repeat(50)} }\n  other: scan(id: "x") { id }\n}`;
    for (let n = 0; n < 3; n++) {
      const { errors } = await viewer.run(query);
      expect(errors).toMatchObject([{ path: ["other"], locations: [{ line: 54, column: 3 }] }]);
    }
  });

  async function ask(
    query: string,
    {
      method = "POST",
      variables = {},
      operationName = undefined as string | undefined,
      token = null as string | null,
    } = {},
  ) {
    const headers = token ? { authorization: `Bearer ${token}` } : {};
    const body = { query, variables, ...(operationName && { operationName }) };
    const search = method === "GET" ? `?${new URLSearchParams({ ...body, variables: JSON.stringify(variables) })}` : "";
    const response = await fetch(`${app.url}/graphql${search}`, {
      method,
      headers: { ...headers, "content-type": "application/json", "accept-encoding": "br" },
      ...(method === "POST" && { body: JSON.stringify(body) }),
    });
    return { encoding: response.headers.get("content-encoding"), ...((await response.json()) as Json) };
  }

  it("answers about the schema are made once and sent compressed", async () => {
    const query = getIntrospectionQuery();
    const first = await ask(query);
    expect([first.encoding, first.errors]).toEqual(["br", undefined]);
    expect(first.data.__schema.types.length).toBeGreaterThan(100);
    app.log.length = 0;
    for (const method of ["POST", "GET", "POST"]) expect(await ask(query, { method })).toEqual(first);
    expect(past()).toBe(3);
  });

  it("by document, operation and variables", async () => {
    const query = `query A($name: String = "Scan", $also: Boolean = false) { __type(name: $name) { name } __typename @include(if: $also) }
      query B { ...F } fragment F on Query { b: __type(name: "User") { name } }`;
    const asked = [
      [{ operationName: "A" }, { __type: { name: "Scan" } }],
      [{ operationName: "A", variables: { name: "Vulnerability" } }, { __type: { name: "Vulnerability" } }],
      [{ operationName: "A", variables: { name: "Nothing" } }, { __type: null }],
      [
        { operationName: "A", variables: { also: true } },
        { __type: { name: "Scan" }, __typename: "Query" },
      ],
      [{ operationName: "B" }, { b: { name: "User" } }],
    ] as const;
    for (const made of [0, 1]) {
      app.log.length = 0;
      for (const [request, data] of asked) expect((await ask(query, request)).data).toEqual(data);
      expect(past()).toBe(made * asked.length);
    }
    expect((await ask(query, { operationName: "A", variables: { name: 1 } })).errors[0].extensions.field).toBe("name");
  });

  it("is made anew for each caller where it says more than the schema", async () => {
    const query = '{ __type(name: "Scan") { name } viewer { role } }';
    for (let n = 0; n < 2; n++) {
      for (const [who, role] of [
        ["viewer", "VIEWER"],
        ["admin", "ADMIN"],
      ] as const) {
        const { token } = await app.as(who);
        expect((await ask(query, { token })).data).toEqual({ __type: { name: "Scan" }, viewer: { role } });
      }
      expect((await ask(query)).errors[0].extensions.code).toBe("UNAUTHENTICATED");
    }
  });
});

describe("new answers about the schema", () => {
  it("leave time for others, and turn away whom they would keep waiting", async () => {
    const introspection = createIntrospection(createCache(1_048_576));
    expect(await introspection.awaitTurn("a", "first")).toBeUndefined();
    introspection.finish("first", 50);
    const begun = performance.now();
    // Who asks what another makes waits for that one, and takes no turn.
    const same = [
      introspection.awaitTurn("a", "second"),
      introspection.awaitTurn("b", "second"),
      introspection.awaitTurn("c", "second"),
    ];
    expect(await same[0]).toBeUndefined();
    expect(performance.now() - begun).toBeGreaterThan(95);
    introspection.finish("second", 400);
    expect(await Promise.all(same)).toEqual([undefined, undefined, undefined]);
    // Of one caller some wait, and the next is told when to come back; another caller waits still.
    const waiting = ["x", "y", "z"].map((key) => introspection.awaitTurn("a", key));
    expect(await introspection.awaitTurn("a", "more")).toBe(1);
    expect(await Promise.all([...waiting, introspection.awaitTurn("b", "more")])).toEqual(Array(4).fill(undefined));
    introspection.finish("x", 10_000);
    expect(await introspection.awaitTurn("b", "late")).toBeGreaterThan(10);
  });

  it("weigh what they hold, compressed too", () => {
    const cache = createCache(1_048_576);
    const introspection = createIntrospection(cache);
    introspection.keep("a", "key", "x".repeat(1000));
    expect(cache.weight).toBe(1503);
    const body = introspection.find("key");
    body?.encoded.set("br", Buffer.alloc(100));
    body?.grown();
    expect([cache.weight, introspection.find("key")]).toEqual([1603, body]);
  });

  it("are compressed once for all who ask at once", async () => {
    const introspection = createIntrospection(createCache(1_048_576));
    introspection.keep("a", "key", "x".repeat(100_000));
    const body = introspection.find("key")!;
    const asked = await Promise.all(["br", "br", "gzip", "br"].map((accepted) => compressBody(body, accepted)));
    const again = await compressBody(body, "br");
    expect(asked.map(({ headers }) => headers?.["content-encoding"])).toEqual(["br", "br", "gzip", "br"]);
    expect(new Set([...asked, again].map(({ bytes }) => bytes)).size).toBe(2);
  });
});
