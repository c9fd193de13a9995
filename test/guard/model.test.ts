/** What declarations of the model must say of themselves, their fields and their names. */
import { Column, getTableName, is, SQL } from "drizzle-orm";
import { getTableConfig, type PgColumn } from "drizzle-orm/pg-core";
import { expect, it } from "vitest";
import { PERMISSIONS } from "../../src/auth/permissions.js";
import { inversesOf, singularOf } from "../../src/engine/declaration.js";
import { field, one } from "../../src/engine/declare.js";
import { orderFields, orderName } from "../../src/engine/read/order.js";
import { chatSessions } from "../../src/modules/data/chat/chat.table.js";
import { ScanStatus } from "../../src/modules/data/scans/scans.model.js";
import { scans } from "../../src/modules/data/scans/scans.table.js";
import { Organization } from "../../src/modules/identity/organizations/organizations.model.js";
import { User } from "../../src/modules/identity/users/users.model.js";
import { users } from "../../src/modules/identity/users/users.table.js";
import { SPECIMENS } from "../specimens/index.js";
import { testApp } from "../support/app.js";
import { declaredTypes, rootTypes } from "../support/model.js";
import { base, eachPart, eachType, holdAndBite, toOrganization } from "./declarations.js";

const app = testApp();

/** The columns of an index are objects of their own. */
const named = ({ queryChunks }: SQL, { name }: PgColumn) =>
  queryChunks.some((chunk) => is(chunk, Column) && chunk.name === name);

/** Whether the table has a unique index on lower(column) alone. */
const indexedInLowerCase = (column: PgColumn): boolean =>
  getTableConfig(column.table).indexes.some(({ config }) => {
    const [expression, ...others] = config.columns;
    return config.unique && others.length === 0 && is(expression, SQL) && named(expression, column);
  });

holdAndBite([
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
          ...(type.scope.kind === "organization" || type.scope.kind === "user"
            ? [["scope", type.scope.column] as const]
            : []),
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
      return relation?.kind === "many" && inversesOf(relation).at(-1)?.to() !== type;
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
]);

it("every declared type has root fields, but for another face of a type's rows", () => {
  const names = rootTypes.map(({ name }) => name).sort();
  expect(names, "each has a specimen").toEqual(Object.keys(SPECIMENS).sort());
  const fields = Object.keys(app.schema.getQueryType()?.getFields() ?? {});
  const rooted = declaredTypes.filter((type) => fields.includes(singularOf(type)) && fields.includes(type.plural));
  expect(rooted.map(({ name }) => name).sort()).toEqual(names);
  const tables = rootTypes.map(({ table }) => table);
  expect(declaredTypes.filter(({ isFace, table }) => isFace && !tables.includes(table))).toEqual([]);
});

it("types whose rows a trigger counts elsewhere say where, so that a change reads the count after it", async () => {
  const triggers =
    await app.sql`select distinct tgrelid::regclass::text as table from pg_trigger where not tgisinternal`;
  const counted = declaredTypes.filter(({ countedBy }) => countedBy).map(({ table }) => getTableName(table));
  // That of audit records only refuses, and that of instances writes their history, which is read afterwards. Those of the last two note
  // for whom to read them again.
  const others = ["audit_logs", "instances", "operations", "security_events"];
  expect(triggers.map(({ table }) => table).sort()).toEqual([...counted, ...others].sort());
});
