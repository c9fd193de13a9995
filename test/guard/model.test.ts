/** What declarations of the model must say, so that rows and fields are guarded wherever a query reaches them. */
import { Column, getTableColumns, getTableName, is, SQL } from "drizzle-orm";
import { getTableConfig, type PgColumn } from "drizzle-orm/pg-core";
import { describe, expect, it } from "vitest";
import { PERMISSIONS, ROLE_PERMISSIONS, ROLES } from "../../src/auth/permissions.js";
import {
  type DerivedValue,
  type EmbeddedField,
  type EmbeddedType,
  inverseOf,
  singularOf,
  type TypeDeclaration,
} from "../../src/engine/declaration.js";
import { derived, embedded, field, one } from "../../src/engine/declare.js";
import { orderFields, orderName } from "../../src/engine/read/order.js";
import { chatSessions } from "../../src/modules/data/chat/chat.table.js";
import { ScanStatus } from "../../src/modules/data/scans/scans.model.js";
import { scans } from "../../src/modules/data/scans/scans.table.js";
import { AuditLog } from "../../src/modules/evidence/audit-log/audit-log.model.js";
import { Environment } from "../../src/modules/fleet/inventory/instance-objects.model.js";
import { instances } from "../../src/modules/fleet/inventory/inventory.table.js";
import { Organization } from "../../src/modules/identity/organizations/organizations.model.js";
import { User } from "../../src/modules/identity/users/users.model.js";
import { users } from "../../src/modules/identity/users/users.table.js";
import { testApp } from "../support/app.js";
import { declaredTypes, FACES } from "../support/model.js";

const app = testApp();

const partsOf = (type: TypeDeclaration) => [...Object.entries(type.fields), ...Object.entries(type.relations)];

const readers = (type: TypeDeclaration) =>
  ROLES.filter((role) => type.read.some((permission) => ROLE_PERMISSIONS[role].includes(permission)));

/** Whether whoever sees a row of the source by its scope sees the row that a relation of it leads to. */
function scopeImplied(source: TypeDeclaration, name: string): boolean {
  const relation = source.relations[name];
  if (relation?.kind !== "one") return true;
  const target = relation.to();
  if (target.narrowing) return false;
  if (target.scope.kind === "everyone") return true;
  // Only staff sees rows of the source, and staff reaches every row.
  if (source.scope.kind === "staff") return true;
  // A row of the source is visible because this very row is.
  if (source.scope.kind === "through") return source.scope.relation === name;
  // The column that names the row's organization is the reference to it.
  const isOrganization = target.scope.kind === "organization" && target.scope.column === target.fields.id.column;
  return isOrganization && source.scope.kind === "organization" && source.scope.column === relation.column;
}

/** Every embedded type of a declaration, and every field of those, by its path: `Instance.members.endpoint.host`. */
function embeddedOf(type: TypeDeclaration): { types: [string, EmbeddedType][]; fields: [string, EmbeddedField][] } {
  const found = { types: [] as [string, EmbeddedType][], fields: [] as [string, EmbeddedField][] };
  const look = (path: string, inner: EmbeddedType): void => {
    found.types.push([path, inner]);
    for (const [name, declaration] of Object.entries(inner.fields)) {
      found.fields.push([`${path}.${name}`, declaration]);
      if (declaration.embedded) look(`${path}.${name}`, declaration.embedded);
    }
  };
  for (const [name, { embedded }] of Object.entries(type.fields)) if (embedded) look(`${type.name}.${name}`, embedded);
  return found;
}

/** Scopes lead through relations; each step must come closer to a column that names an organization. */
function scopeEnds(type: TypeDeclaration, seen: readonly TypeDeclaration[] = []): boolean {
  if (type.scope.kind !== "through") return true;
  const relation = type.relations[type.scope.relation];
  if (relation?.kind !== "one" || seen.includes(type)) return false;
  // A row without the reference would belong to nobody, which is safe; a circle would not end.
  return scopeEnds(relation.to(), [...seen, type]);
}

/** The columns of an index are objects of their own. */
const named = ({ queryChunks }: SQL, { name }: PgColumn) =>
  queryChunks.some((chunk) => is(chunk, Column) && chunk.name === name);

/** Whether the table has a unique index on lower(column) alone. */
const indexedInLowerCase = (column: PgColumn): boolean =>
  getTableConfig(column.table).indexes.some(({ config }) => {
    const [expression, ...others] = config.columns;
    return config.unique && others.length === 0 && is(expression, SQL) && named(expression, column);
  });

type Offenders = (types: readonly TypeDeclaration[]) => string[];
const eachPart =
  (offends: (type: TypeDeclaration, name: string) => boolean): Offenders =>
  (types) =>
    types.flatMap((type) =>
      partsOf(type)
        .filter(([name]) => offends(type, name))
        .map(([name]) => `${type.name}.${name}`),
    );
const eachType =
  (offends: (type: TypeDeclaration) => boolean): Offenders =>
  (types) =>
    types.filter(offends).map(({ name }) => name);

/** A declaration with everything as it should be, for examples that break one thing. */
const base = (changes: Partial<TypeDeclaration>): TypeDeclaration => ({
  name: "Example",
  plural: "examples",
  description: "An example of a type.",
  table: scans,
  read: ["scans:read"],
  scope: { kind: "organization", column: scans.organizationId },
  newestBy: "createdAt",
  fields: { id: field(scans.id, "The key of the row.") },
  relations: {},
  ...changes,
});
const toOrganization = one(() => Organization, scans.organizationId, "Whose it is.");
const ofChats = {
  name: "Chats",
  table: chatSessions,
  fields: { id: field(chatSessions.id, "The key.") },
};
const place: EmbeddedType = {
  name: "Place",
  description: "An example of an embedded object.",
  list: false,
  fields: { host: { kind: "string", nullable: false, description: "Its name." } },
};
/** A type that embeds an object with these fields. */
const embedding = (fields: EmbeddedType["fields"], changes: Partial<EmbeddedType> = {}) =>
  base({
    name: "Embedding",
    table: instances,
    scope: { kind: "everyone" },
    fields: {
      id: field(instances.id, "The key."),
      place: embedded(instances.endpoint, "Where.", { ...place, fields, ...changes }),
    },
  });
const deriving = (value: Partial<DerivedValue>) =>
  base({
    name: "Deriving",
    fields: {
      id: field(scans.id, "The key."),
      value: derived(scans.id, "What follows.", {
        needs: { status: scans.status },
        type: { name: "Answer", description: "What follows.", list: false, fields: {} },
        derive: () => null,
        ...value,
      }),
    },
  });
const toUser = one(() => User, chatSessions.userId, "Whose it is.");

const RULES: { name: string; explanation: string; offenders: Offenders; bad: TypeDeclaration[]; caught: string[] }[] = [
  {
    name: "every type describes itself",
    explanation: "Clients read it in the schema.",
    offenders: eachType(({ description }) => !/^[A-Z].*\.$/.test(description)),
    bad: [base({ description: "" })],
    caught: ["Example"],
  },
  {
    name: "every field and relation describes itself",
    explanation: "Clients read it in the schema.",
    offenders: eachPart((type, name) => !/^[A-Z].*\.$/.test((type.fields[name] ?? type.relations[name])!.description)),
    bad: [base({ relations: { organization: one(() => Organization, scans.organizationId, "") } })],
    caught: ["Example.organization"],
  },
  {
    name: "every type says who reads it, with permissions that exist",
    explanation: "A type that nobody is named for would be readable wherever a relation leads to it.",
    offenders: eachType(
      ({ read }) => read.length === 0 || read.some((permission) => !PERMISSIONS.includes(permission)),
    ),
    bad: [base({ read: [] as never }), base({ name: "Other", read: ["scans:raed" as never] })],
    caught: ["Example", "Other"],
  },
  {
    name: "a field that only some may read is nullable and names somebody",
    explanation: "It answers null to the others; an empty list would hide it from everybody.",
    offenders: eachPart((type, name) => {
      const { read, column } = type.fields[name] ?? {};
      return read !== undefined && (read.length === 0 || column?.notNull === true);
    }),
    bad: [
      base({
        fields: {
          id: field(scans.id, "The key."),
          status: field(scans.status, "S.", { enumeration: ScanStatus, read: ["users:read"] }),
          none: field(chatSessions.response, "N.", { read: [] }),
        },
      }),
    ],
    caught: ["Example.status", "Example.none"],
  },
  {
    name: "fields, relations and scope are of the type's own table",
    explanation: "A column of another table would compile to SQL that names no source.",
    offenders: (types) =>
      types.flatMap((type) => {
        const columns = [
          ...Object.entries(type.fields).map(([name, { column }]) => [name, column] as const),
          ...Object.entries(type.relations).flatMap(([name, relation]) =>
            relation.kind === "one" ? [[name, relation.column] as const] : [],
          ),
          ...(type.scope.kind === "organization" ? [["scope", type.scope.column] as const] : []),
          ...(type.narrowing ? [["narrowing", type.narrowing.column] as const] : []),
        ];
        return columns.filter(([, column]) => column.table !== type.table).map(([name]) => `${type.name}.${name}`);
      }),
    bad: [base({ scope: { kind: "organization", column: users.organizationId } })],
    caught: ["Example.scope"],
  },
  {
    name: "a relation to many is the other side of a relation to one that leads back",
    explanation: "The rows are found by that relation's column.",
    offenders: eachPart((type, name) => {
      const relation = type.relations[name];
      return relation?.kind === "many" && inverseOf(relation).to() !== type;
    }),
    bad: [
      base({
        relations: {
          users: { kind: "many", to: () => User, by: "organization", description: "Not of a scan.", nullable: false },
        },
      }),
    ],
    caught: ["Example.users"],
  },
  {
    name: "every embedded type and each of its fields describes itself",
    explanation: "Clients read it in the schema.",
    offenders: (types) =>
      types.flatMap((type) => {
        const { types: inner, fields } = embeddedOf(type);
        return [...inner, ...fields]
          .filter(([, { description }]) => !/^[A-Z0-9].*\.$/.test(description))
          .map(([path]) => path);
      }),
    bad: [
      embedding(place.fields, { description: "" }),
      embedding({
        inner: {
          kind: "embedded",
          nullable: true,
          description: "Good.",
          embedded: { ...place, fields: { host: { kind: "string", nullable: false, description: "bad" } } },
        },
      }),
    ],
    caught: ["Embedding.place", "Embedding.place.inner.host"],
  },
  {
    name: "a field of an embedded object names its enum or its object, and nothing of the planner's own",
    explanation:
      "Its value stands in the JSON of the row as it is: there are no keys of rows, no cursors and no columns.",
    offenders: (types) =>
      types.flatMap((type) =>
        embeddedOf(type)
          .fields.filter(
            ([, { kind, enumeration, embedded }]) =>
              (kind === "enum") !== (enumeration !== undefined) ||
              (kind === "embedded") !== (embedded !== undefined) ||
              ["id", "derived"].includes(kind),
          )
          .map(([path]) => path),
      ),
    bad: [
      embedding({
        a: { kind: "enum", nullable: false, description: "A." },
        b: { kind: "embedded", nullable: true, description: "B." },
        c: { kind: "id", nullable: true, description: "C." },
        d: { kind: "enum", nullable: true, description: "D.", enumeration: Environment },
      }),
    ],
    caught: ["Embedding.place.a", "Embedding.place.b", "Embedding.place.c"],
  },
  {
    name: "a field of an embedded object that only some may read is nullable and names somebody who exists",
    explanation: "It answers null to the others.",
    offenders: (types) =>
      types.flatMap((type) =>
        embeddedOf(type)
          .fields.filter(
            ([, { nullable, read }]) =>
              read && (!nullable || read.length === 0 || read.some((permission) => !PERMISSIONS.includes(permission))),
          )
          .map(([path]) => path),
      ),
    bad: [
      embedding({
        a: { kind: "string", nullable: false, description: "A.", read: ["instance-endpoints:read"] },
        b: { kind: "string", nullable: true, description: "B.", read: [] },
        c: { kind: "string", nullable: true, description: "C.", read: ["x:y" as never] },
        d: { kind: "string", nullable: true, description: "D.", read: ["instance-endpoints:read"] },
      }),
    ],
    caught: ["Embedding.place.a", "Embedding.place.b", "Embedding.place.c"],
  },
  {
    name: "what some may not read in one place they may not read in another",
    explanation: "An embedded object that is guarded somewhere is guarded wherever the model leads to it.",
    offenders: (types) => {
      const places = types.flatMap((type) => [
        ...Object.entries(type.fields).map(([name, part]) => [`${type.name}.${name}`, part] as const),
        ...embeddedOf(type).fields,
      ]);
      const guards = new Map(
        places.flatMap(([, { embedded, read }]) => (embedded && read ? [[embedded.name, read]] : [])),
      );
      return places
        .filter(([, { embedded, read }]) => embedded && guards.has(embedded.name) && !read)
        .map(([path]) => path);
    },
    bad: [
      embedding(
        {
          a: {
            kind: "embedded",
            nullable: true,
            description: "A.",
            embedded: place,
            read: ["instance-endpoints:read"],
          },
          b: { kind: "embedded", nullable: true, description: "B.", embedded: place },
        },
        { name: "Outer" },
      ),
    ],
    caught: ["Embedding.place.b"],
  },
  {
    name: "what a value is asked of stands in the row of the type, and in the object itself",
    explanation: "It is read with the row.",
    offenders: (types) =>
      types.flatMap((type) => {
        const { types: objects, fields } = embeddedOf(type);
        const ownOf = (path: string) => objects.find(([of]) => path.slice(0, path.lastIndexOf(".")) === of)?.[1].fields;
        return fields
          .filter(
            ([path, { asked }]) =>
              asked &&
              (Object.values(asked.row).some(({ table }) => table !== type.table) ||
                asked.own.some((key) => !ownOf(path)?.[key])),
          )
          .map(([path]) => path);
      }),
    bad: [
      embedding({
        name: { kind: "string", nullable: false, description: "Its name." },
        a: { kind: "asked", nullable: true, description: "A.", asked: { row: { it: scans.id }, own: ["name"] } },
        b: { kind: "asked", nullable: true, description: "B.", asked: { row: {}, own: ["other"] } },
        c: {
          kind: "asked",
          nullable: true,
          description: "C.",
          asked: { row: { it: instances.id }, own: ["name"] },
        },
      }),
    ],
    caught: ["Embedding.place.a", "Embedding.place.b"],
  },
  {
    name: "a derived value follows from columns of the type's own table, none of them guarded",
    explanation: "Its columns are read with the row; a guarded one would be told by what follows from it.",
    offenders: eachPart((type, name) => {
      const value = type.fields[name]?.derived;
      if (!value) return false;
      const guarded = Object.values(type.fields).flatMap(({ read, column }) => (read ? [column] : []));
      return Object.values(value.needs).some((column) => column.table !== type.table || guarded.includes(column));
    }),
    bad: [
      deriving({}),
      deriving({ needs: { status: instances.status } }),
      base({
        name: "Guarded",
        fields: {
          ...deriving({ needs: { status: scans.status } }).fields,
          id: field(scans.id, "The key."),
          status: field(scans.status, "S.", { enumeration: ScanStatus, read: ["users:read"] }),
        },
      }),
    ],
    caught: ["Deriving.value", "Guarded.value"],
  },
  {
    name: "what exists for everyone refers only to what exists for everyone",
    explanation: "Such a row belongs to no organization; a reference to one that does would tell of it.",
    offenders: eachPart((type, name) => {
      const relation = type.relations[name];
      return type.scope.kind === "everyone" && relation?.kind === "one" && relation.to().scope.kind !== "everyone";
    }),
    bad: [
      base({ scope: { kind: "everyone" }, relations: { organization: toOrganization } }),
      base({ name: "Good", relations: { organization: toOrganization } }),
    ],
    caught: ["Example.organization"],
  },
  {
    name: "a type for everyone is of a table without organizations and users",
    explanation: "Whoever belongs to one organization would see the rows of all of them.",
    offenders: eachType(
      ({ scope, table }) =>
        scope.kind === "everyone" && ["organizationId", "userId"].some((column) => column in getTableColumns(table)),
    ),
    bad: [base({ scope: { kind: "everyone" } })],
    caught: ["Example"],
  },
  {
    name: "a non-null relation to one leads to a row that is visible wherever its source is",
    explanation: "Hidden by scope, it would put a null where the schema has none: into text that nobody checks.",
    offenders: eachPart((type, name) => {
      const relation = type.relations[name];
      return relation?.kind === "one" && relation.column.notNull && !scopeImplied(type, name);
    }),
    bad: [
      // By its organization column, while the relation leads to a user, who may belong elsewhere.
      base({
        ...ofChats,
        scope: { kind: "organization", column: chatSessions.id },
        relations: { user: toUser },
      }),
      base({
        name: "Narrowed",
        relations: {
          organization: one(
            () => ({ ...Organization, narrowing: AuditLog.narrowing! }),
            scans.organizationId,
            "Whose it is.",
          ),
        },
      }),
      base({ name: "Good", relations: { organization: toOrganization } }),
      base({ ...ofChats, name: "AlsoGood", scope: { kind: "through", relation: "user" }, relations: { user: toUser } }),
    ],
    caught: ["Chats.user", "Narrowed.organization"],
  },
  {
    name: "whoever reads the source of a non-null relation to one reads its target",
    explanation: "Refused, the null would take the whole source along.",
    offenders: eachPart((type, name) => {
      const relation = type.relations[name];
      if (relation?.kind !== "one" || !relation.column.notNull) return false;
      const allowed = readers(relation.to());
      return readers(type).some((role) => !allowed.includes(role));
    }),
    bad: [base({ read: ["performance-logs:read"], relations: { organization: toOrganization } })],
    caught: ["Example.organization"],
  },
  {
    name: "a name means one thing in filters, and one in orders",
    explanation: "Of two fields under one name only one could be asked for.",
    offenders: (types) =>
      types.flatMap((type) => {
        // A field may show the column of a relation: then both names mean the same.
        const shown = (name: string, column: unknown) => type.fields[name]?.column === column;
        const references = Object.entries(type.relations).flatMap(([name, relation]) =>
          relation.kind === "one" && !shown(`${name}Id`, relation.column) ? [name, `${name}Id`] : [name],
        );
        const filters = ["and", "or", "not", ...Object.keys(type.fields), ...references];
        const orders = Object.entries(type.relations).flatMap(([name, relation]) =>
          relation.kind === "one"
            ? [...orderFields({ ...relation.to(), relations: {} }).keys()]
                .filter((field) => field !== "ID" || !shown(`${name}Id`, relation.column))
                .map((field) => `${orderName(name)}_${field}`)
            : [],
        );
        const all = [...filters, ...orders, ...orderFields({ ...type, relations: {} }).keys()];
        return all.filter((name, index) => all.indexOf(name) < index).map((name) => `${type.name}.${name}`);
      }),
    bad: [
      base({
        fields: {
          id: field(scans.id, "The key."),
          not: field(scans.targetUrl, "N."),
          organizationId: field(scans.version, "O."),
          organizationName: field(scans.targetUrl, "O."),
        },
        relations: { organization: toOrganization },
      }),
    ],
    caught: ["Example.not", "Example.organizationId", "Example.ORGANIZATION_ID", "Example.ORGANIZATION_NAME"],
  },
  {
    name: "a scope through relations ends at an organization",
    explanation: "A circle would never end.",
    offenders: eachType((type) => !scopeEnds(type)),
    bad: [
      (() => {
        const circle: TypeDeclaration = base({
          ...ofChats,
          scope: { kind: "through", relation: "self" },
          relations: { self: one(() => circle, chatSessions.userId, "Itself.") },
        });
        return circle;
      })(),
      base({ ...ofChats, name: "Astray", scope: { kind: "through", relation: "nowhere" } }),
    ],
    caught: ["Chats", "Astray"],
  },
  {
    name: "rows that only staff sees are read by staff only",
    explanation: "Somebody of one organization who may read the type would find it empty instead of refused.",
    offenders: eachType(
      (type) =>
        type.scope.kind === "staff" && readers(type).some((role) => (["VIEWER", "ANALYST"] as string[]).includes(role)),
    ),
    bad: [base({ scope: { kind: "staff" } })],
    caught: ["Example"],
  },
  {
    name: "a unique key is a text that is never absent, with a unique index on its lower case",
    explanation: "An upsert looks for the value in any case; without the index two of them could make two rows.",
    offenders: eachType((type) => {
      const column = type.uniqueKey && type.fields[type.uniqueKey]?.column;
      return column ? !column.notNull || !indexedInLowerCase(column) : type.uniqueKey !== undefined;
    }),
    bad: [
      base({ uniqueKey: "nothing" }),
      base({
        name: "Twins",
        uniqueKey: "targetUrl",
        fields: { id: field(scans.id, "The key."), targetUrl: field(scans.targetUrl, "Where.") },
      }),
    ],
    caught: ["Example", "Twins"],
  },
  {
    name: "a plural is a name that differs from the singular",
    explanation: "Root fields and mutations are named by both.",
    offenders: eachType((type) => !/^[a-z]\w+$/.test(type.plural) || type.plural === singularOf(type)),
    bad: [base({ plural: "example" }), base({ name: "Other", plural: "Others" })],
    caught: ["Example", "Other"],
  },
];

describe.each(RULES)("$name", ({ offenders, explanation, bad, caught }) => {
  it("holds", () => expect(offenders(declaredTypes), explanation).toEqual([]));
  it("catches a bad example", () => expect(offenders(bad)).toEqual(caught));
});

it("every declared type has root fields, but for another face of a type's rows", () => {
  expect(declaredTypes, "as many as you know of").toHaveLength(14);
  const fields = Object.keys(app.schema.getQueryType()?.getFields() ?? {});
  const rooted = declaredTypes.filter((type) => fields.includes(singularOf(type)) && fields.includes(type.plural));
  expect([...rooted.map(({ name }) => name), ...FACES].sort()).toEqual(declaredTypes.map(({ name }) => name).sort());
});

it("types whose rows a trigger counts elsewhere say where, so that a change reads the count after it", async () => {
  const triggers =
    await app.sql`select distinct tgrelid::regclass::text as table from pg_trigger where not tgisinternal`;
  const counted = declaredTypes.filter(({ countedBy }) => countedBy).map(({ table }) => getTableName(table));
  // That of audit records only refuses.
  expect(triggers.map(({ table }) => table).sort()).toEqual([...counted, "audit_logs"].sort());
});

it("looks into embedded types, also within others", () => {
  const paths = declaredTypes.flatMap((type) => embeddedOf(type).fields.map(([path]) => path));
  expect(paths).toEqual(
    expect.arrayContaining(["Instance.members.endpoint.host", "Instance.environment.evidence.detail"]),
  );
});
