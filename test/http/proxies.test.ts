/** Whose address a request has, behind none, one or two trusted proxies; and what a browser finds in development. */
import { describe, expect, it } from "vitest";
import { testApp } from "../support/app.js";

const FORWARDED = [undefined, "203.0.113.7", "6.6.6.6, 203.0.113.7", "6.6.6.6, 203.0.113.7 ,198.51.100.1", "", ","];

describe.each([
  ["0", ["127.0.0.1", "127.0.0.1", "127.0.0.1", "127.0.0.1", "127.0.0.1", "127.0.0.1"]],
  ["1", ["127.0.0.1", "203.0.113.7", "203.0.113.7", "198.51.100.1", "127.0.0.1", "127.0.0.1"]],
  ["2", ["127.0.0.1", "127.0.0.1", "6.6.6.6", "203.0.113.7", "127.0.0.1", "127.0.0.1"]],
])("behind %s trusted proxies", (trusted, addresses) => {
  const app = testApp({ TRUSTED_PROXIES: trusted });

  it("the address comes from where the nearest trusted proxy put it", async () => {
    for (const [n, forwarded] of FORWARDED.entries()) {
      const headers = { "x-request-id": `ip.${n}`, ...(forwarded !== undefined && { "x-forwarded-for": forwarded }) };
      await app.anonymous.run("{ viewer { role } }", {}, headers);
    }
    const kept = await app.sql`
      select ip_address from security_events where metadata->>'requestId' like 'ip.%' order by metadata->>'requestId'`;
    expect(kept.map(({ ip_address }) => ip_address)).toEqual(addresses);
  });

  it("what is no address is not kept as one", async () => {
    const headers = { "x-request-id": "hostile", "x-forwarded-for": "<script>alert(1)</script>, <b>, <i>" };
    await app.anonymous.run("{ viewer { role } }", {}, headers);
    const [event] = await app.sql`select ip_address from security_events where metadata->>'requestId' = 'hostile'`;
    expect(event?.ip_address ?? "").not.toMatch(/[<>]/);
  });

  if (trusted === "1") {
    it("an address is kept in one spelling, without the zone, and as IPv4 where it stands for that", async () => {
      const spellings = {
        "::FFFF:192.0.2.1": "192.0.2.1",
        "0:0:0:0:0:ffff:192.0.2.1": "192.0.2.1",
        "::ffff:c000:201": "192.0.2.1",
        "::ffff:0:0": "0.0.0.0",
        "64:FF9B::192.0.2.1": "192.0.2.1",
        "64:ff9b:0:0:0:0:c000:0201": "192.0.2.1",
        "64:ff9b::1": "0.0.0.1",
        "64:ff9b::": "0.0.0.0",
        "64:ff9b::1:c000:201": "64:ff9b::1:c000:201",
        "64:ff9b:1::c000:201": "64:ff9b:1::c000:201",
        "::ffff:1": "::ffff:1",
        "2001:0DB8:0::0001": "2001:db8::1",
        [`fe80::1%${"z".repeat(500)}`]: "fe80::1",
        "::ffff:192.0.2.1%3:4:5": "192.0.2.1",
        "192.0.2.1%eth0": "127.0.0.1",
        "[2001:db8::1]": "127.0.0.1",
      };
      for (const [n, spelling] of Object.keys(spellings).entries()) {
        const headers = { "x-request-id": `spelling.${n + 10}`, "x-forwarded-for": spelling };
        await app.anonymous.run("{ viewer { role } }", {}, headers);
      }
      const kept = await app.sql`
        select ip_address from security_events where metadata->>'requestId' like 'spelling.%'
        order by metadata->>'requestId'`;
      expect(kept.map(({ ip_address }) => ip_address)).toEqual(Object.values(spellings));
    });
  }

  if (trusted !== "0") return;
  it("shows schema, suggestions and explorer where nobody turned them off", async () => {
    expect((await app.anonymous.run("{ __schema { queryType { name } } }")).data).toEqual({
      __schema: { queryType: { name: "Query" } },
    });
    const { errors } = await app.anonymous.run("{ viewr { role } }");
    expect(errors?.[0]?.message).toMatch(/did you mean/i);
    const page = await fetch(`${app.url}/graphql`, { headers: { accept: "text/html" } });
    expect([page.status, page.headers.get("content-type")]).toEqual([200, expect.stringContaining("text/html")]);
  });
});
