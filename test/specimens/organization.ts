import { Organization } from "../../src/modules/identity/organizations/organizations.model.js";
import { inserted, next, type Specimen } from "./specimen.js";
import { MOMENTS, ORGANIZATIONS, OURS, pick } from "./values.js";

export const organization: Specimen = {
  type: Organization,
  newestBy: "created_at",
  owner: { column: "id" },
  references: {},
  readers: ["VIEWER", "ANALYST", "ADMIN"],
  inDemo: true,
  insert: (app) => inserted(app, `organizations (name, domain) values ('N', 'n${next()}.example')`),
  elsewhere: "insert into organizations (name, domain) values ('Third', 'third.example')",
  writes: {
    roles: ["ADMIN"],
    resource: "organization",
    create: (n) => ({ name: "North", domain: `North-${n}.Example` }),
    changes: { subscriptionTier: "Plus" },
    selection: "name domain subscriptionTier",
    created: (n) => ({ name: "North", domain: `north-${n}.example`, subscriptionTier: "FREE" }),
    forms: {
      name: { max: 200, malformed: [""] },
      domain: { max: 253, malformed: ["", "-a.example", "a..example", "a b", "a_b", "a."] },
      subscriptionTier: { max: 50, malformed: [""] },
    },
  },
  paging: {
    orders: [
      ["SUBSCRIPTION_TIER"],
      ["SUBSCRIPTION_TIER DESC", "NAME"],
      ["VERSION", "SUBSCRIPTION_TIER DESC", "NAME", "CREATED_AT DESC", "DOMAIN DESC"],
    ],
    rows: `
      insert into organizations (name, domain, subscription_tier, created_at)
      select 'Name ' || n % 4, 'o' || n || '.example', (array['FREE', 'PRO'])[1 + n % 2], pg_temp.at(n) from generate_series(1, 38) n`,
    parent: "1",
  },
  generated: {
    insert: (sql) =>
      sql`insert into organizations ${sql(
        ORGANIZATIONS.map((id, n) => ({
          id,
          name: pick(["Same", "Same", "É%_\\"], n),
          domain: `${n}.Generated.example`,
          subscription_tier: pick(["FREE", "PRO"], n),
          created_at: pick(MOMENTS, n),
          version: n + 1,
        })),
      )}`,
    steps: {
      "other values": `
        update organizations set name = 'É%_\\', subscription_tier = 'X', created_at = created_at + interval '1 day',
          domain = 'x.' || domain, version = version + 5 where id <> ${OURS}`,
      "as many rows again, with our own values": `
        insert into organizations (name, domain, subscription_tier, created_at)
        select name, n || '.more.example', subscription_tier, created_at from organizations, generate_series(1, 3) n where id = ${OURS}`,
      "the same rows, somebody else's": null,
      "none at all": `delete from organizations where id <> ${OURS}`,
    },
  },
};
