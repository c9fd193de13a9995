/** What declarations of the model must say, so that rows and fields are guarded wherever a query reaches them. */
import { describe, expect, it } from "vitest";
import { PERMISSIONS, ROLE_PERMISSIONS, ROLES } from "../../src/auth/permissions.js";
import * as tables from "../../src/db/tables/index.js";
import * as model from "../../src/model/index.js";
import { field, inverseOf, many, one, type TypeDeclaration } from "../../src/plan/declaration.js";

const isDeclaration = (value: unknown): value is TypeDeclaration =>
  typeof value === "object" && value !== null && "fields" in value && "scope" in value;
const declared = Object.values(model).filter(isDeclaration);

const partsOf = (type: TypeDeclaration) => [...Object.entries(type.fields), ...Object.entries(type.relations)];

const readers = (type: TypeDeclaration) =>
  ROLES.filter((role) => type.read.some((permission) => ROLE_PERMISSIONS[role].includes(permission)));

/** Whether whoever sees a row of the source by its scope sees the row that a relation of it leads to. */
function scopeImplied(source: TypeDeclaration, name: string): boolean {
  const relation = source.relations[name];
  if (relation?.kind !== "one") return true;
  const target = relation.to();
  if (target.narrowing) return false;
  // Only staff sees rows of the source, and staff reaches every row.
  if (source.scope.kind === "staff") return true;
  // A row of the source is visible because this very row is.
  if (source.scope.kind === "through") return source.scope.relation === name;
  // The column that names the row's organization is the reference to it.
  const isOrganization = target.scope.kind === "organization" && target.scope.column === target.fields.id.column;
  return isOrganization && source.scope.column === relation.column;
}

/** Scopes lead through relations; each step must come closer to a column that names an organization. */
function scopeEnds(type: TypeDeclaration, seen: readonly TypeDeclaration[] = []): boolean {
  if (type.scope.kind !== "through") return true;
  const relation = type.relations[type.scope.relation];
  if (relation?.kind !== "one" || seen.includes(type)) return false;
  // A row without the reference would belong to nobody, which is safe; a circle would not end.
  return scopeEnds(relation.to(), [...seen, type]);
}

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
  description: "An example of a type.",
  table: tables.scans,
  read: ["scans:read"],
  scope: { kind: "organization", column: tables.scans.organizationId },
  newestBy: "createdAt",
  fields: { id: field(tables.scans.id, "The key of the row.") },
  relations: {},
  ...changes,
});
const toOrganization = one(() => model.Organization, tables.scans.organizationId, "Whose it is.");
const ofChats = {
  name: "Chats",
  table: tables.chatSessions,
  fields: { id: field(tables.chatSessions.id, "The key.") },
};
const toUser = one(() => model.User, tables.chatSessions.userId, "Whose it is.");

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
    bad: [base({ relations: { organization: one(() => model.Organization, tables.scans.organizationId, "") } })],
    caught: ["Example.organization"],
  },
  {
    name: "every type says who reads it, with permissions that exist",
    explanation: "A type that nobody is named for would be readable wherever a relation leads to it.",
    offenders: eachType(
      ({ read }) => read.length === 0 || read.some((permission) => !PERMISSIONS.includes(permission)),
    ),
    bad: [base({ read: [] }), base({ name: "Other", read: ["scans:raed" as never] })],
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
          id: field(tables.scans.id, "The key."),
          status: field(tables.scans.status, "S.", { enumeration: model.ScanStatus, read: ["users:read"] }),
          none: field(tables.chatSessions.response, "N.", { read: [] }),
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
    bad: [base({ scope: { kind: "organization", column: tables.users.organizationId } })],
    caught: ["Example.scope"],
  },
  {
    name: "a relation to many is the other side of a relation to one that leads back",
    explanation: "The rows are found by that relation's column.",
    offenders: eachPart((type, name) => {
      const relation = type.relations[name];
      return relation?.kind === "many" && inverseOf(relation).to() !== type;
    }),
    bad: [base({ relations: { users: many(() => model.User, "organization", "Not of a scan.") } })],
    caught: ["Example.users"],
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
        scope: { kind: "organization", column: tables.chatSessions.id },
        relations: { user: toUser },
      }),
      base({
        name: "Narrowed",
        relations: {
          organization: one(
            () => ({ ...model.Organization, narrowing: model.AuditLog.narrowing! }),
            tables.scans.organizationId,
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
    name: "a scope through relations ends at an organization",
    explanation: "A circle would never end.",
    offenders: eachType((type) => !scopeEnds(type)),
    bad: [
      (() => {
        const circle: TypeDeclaration = base({
          ...ofChats,
          scope: { kind: "through", relation: "self" },
          relations: { self: one(() => circle, tables.chatSessions.userId, "Itself.") },
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
];

describe.each(RULES)("$name", ({ offenders, explanation, bad, caught }) => {
  it("holds", () => expect(offenders(declared), explanation).toEqual([]));
  it("catches a bad example", () => expect(offenders(bad)).toEqual(caught));
});

it("every declared type has root fields, and the other way round", () => {
  expect(declared).toHaveLength(9);
  expect(model.rootFields.map(({ type }) => type.name).sort()).toEqual(declared.map(({ name }) => name).sort());
});
