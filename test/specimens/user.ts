import { User } from "../../src/modules/identity/users/users.model.js";
import { organization } from "./organization.js";
import { inserted, next, SECRET, type Specimen } from "./specimen.js";
import { FIRST, MOMENTS, OURS, pick, sometimes, TEXTS, USERS } from "./values.js";

export const user: Specimen = {
  type: User,
  newestBy: "created_at",
  owner: { column: "organization_id" },
  references: { organization: { to: organization, column: "organization_id", inverse: "users" } },
  readers: ["VIEWER", "ANALYST", "SECURITY", "ADMIN"],
  inDemo: true,
  insert: (app) =>
    inserted(
      app,
      `users (email, password_hash, role, organization_id) values ('n${next()}@n.example', 'x', 'VIEWER', 1)`,
    ),
  writes: {
    // Everybody changes their own profile, too: test/graphql/access/roles.test.ts says so.
    roles: ["ADMIN"],
    resource: "user",
    create: (n) => ({
      email: `New-${n}@Demo.Example`,
      password: "four-random-words",
      role: "ANALYST",
      organizationId: "1",
    }),
    changes: { fullName: "Nora New" },
    selection: "email fullName role organization { id }",
    created: (n) => ({
      email: `new-${n}@demo.example`,
      fullName: null,
      role: "ANALYST",
      organization: { id: "1" },
    }),
    secrets: { password: "other-random-words" },
    forms: {
      email: { max: 254, malformed: ["", SECRET, `${SECRET}@`, "a@b@c.example"] },
      password: { max: 128, malformed: ["", "short", "password1234"] },
      fullName: { max: 200, malformed: [""] },
    },
    most: 100,
    statements: {
      delete: { sent: ["begin", "select", "update sessions", "delete from users and audit_logs", "commit"] },
      deleteMany: {
        sent: ["begin", "look what matches", "select", "update sessions", "delete from users and audit_logs", "commit"],
      },
    },
  },
  paging: {
    orders: [
      ["ROLE DESC"],
      ["ORGANIZATION_NAME DESC FIRST", "FULL_NAME ASC LAST", "ROLE DESC"],
      ["FULL_NAME DESC", "VERSION", "ROLE", "CREATED_AT", "ID DESC"],
    ],
    rows: `
      insert into users (email, password_hash, full_name, role, organization_id, created_at)
      select n || '@w.example', '', pg_temp.word(n), (array['VIEWER', 'ANALYST']::role[])[1 + n % 2], 1 + n % 2, pg_temp.at(n) from generate_series(1, 50) n`,
  },
  generated: {
    insert: (sql) =>
      sql`insert into users ${sql(
        USERS.map(([role, organization], n) => ({
          id: FIRST + n,
          email: `${n}_%@Generated.example`,
          password_hash: "none",
          full_name: sometimes(pick(TEXTS, n), n, 3),
          role,
          organization_id: organization,
          created_at: pick(MOMENTS, n),
          version: 1 + (n % 2),
        })),
      )}`,
    steps: {
      "other values": `
        update users set full_name = email, email = 'x' || email, created_at = created_at - interval '3 days', version = 9
        where organization_id is distinct from ${OURS}`,
      "as many rows again, with our own values": `
        insert into users (email, password_hash, full_name, role, organization_id, created_at)
        select 'more.' || email, 'none', full_name, role, 2, created_at from users where organization_id = ${OURS}`,
      "the same rows, somebody else's": `update users set organization_id = 1002 where organization_id = 2`,
      "none at all": `delete from users where organization_id is distinct from ${OURS}`,
    },
  },
};
