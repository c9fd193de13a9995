/** Rows of several organizations as the tables have them, and which of them exist for whom: what tests of tenants compare with. */
import { type GraphQLObjectType, getNamedType, isObjectType } from "graphql";
import { beforeAll } from "vitest";
import { insertMissing, specimens } from "../../specimens/index.js";
import { isOwned, ownedBy } from "../../specimens/ownership.js";
import { type Specimen, tableOf } from "../../specimens/specimen.js";
import type { TestApp } from "../../support/app.js";

export type Id = string;
export type Row = Record<string, string | null>;

/** Types whose rows belong to organizations. */
export const OWNED = specimens.filter(isOwned);

/** Two organizations of the demo. */
const ORGANIZATIONS: readonly Id[] = ["1", "2"];

export const idsOf = (list: readonly Row[]) => list.map(({ id }) => id as Id);

/** Adds what the demo leaves out, and reads all rows before the tests. */
export function tenantsOf(app: TestApp) {
  /** All rows in default order, and by organization the ids of those that exist for it. */
  const rows = new Map<Specimen, Row[]>();
  const visible = new Map<string, Set<Id>>();
  const visibleTo = (specimen: Specimen, organization: Id) =>
    visible.get(`${specimen.type.name} ${organization}`) ?? new Set();
  const all = (specimen: Specimen) => rows.get(specimen) ?? [];

  beforeAll(async () => {
    await insertMissing(app);
    for (const { elsewhere } of specimens) if (elsewhere) await app.sql.unsafe(elsewhere);
    for (const specimen of OWNED) {
      const [table, newestBy] = [tableOf(specimen), specimen.newestBy];
      const found = await app.sql.unsafe(
        `select to_jsonb(t) as row, t.id::text from ${table} t order by t.${newestBy} desc, t.id desc`,
      );
      const texts = found.map(({ row, id }) => {
        const columns = (typeof row === "string" ? JSON.parse(row) : row) as Record<string, unknown>;
        return {
          ...Object.fromEntries(Object.entries(columns).map(([key, v]) => [key, v === null ? null : `${v}`])),
          id,
        };
      });
      rows.set(specimen, texts);
      for (const organization of ORGANIZATIONS) {
        const own = await app.sql.unsafe(`select t.id::text from ${table} t where ${ownedBy(specimen, "$1")}`, [
          organization,
        ]);
        visible.set(`${specimen.type.name} ${organization}`, new Set(own.map(({ id }) => id)));
      }
    }
  });

  return {
    all,
    visibleTo,
    own: (specimen: Specimen, organization: Id) =>
      all(specimen).filter(({ id }) => visibleTo(specimen, organization).has(id!)),
    foreign: (specimen: Specimen, organization: Id) =>
      idsOf(all(specimen).filter(({ id }) => !visibleTo(specimen, organization).has(id!))),
  };
}

/** The fields of an object type that answer objects, as the schema has them. */
export function objectsOf({ schema }: TestApp, typeName: string): string[] {
  const type = schema.getType(typeName) as GraphQLObjectType;
  return Object.values(type.getFields())
    .filter(({ type }) => isObjectType(getNamedType(type)))
    .map(({ name }) => name);
}

/** Those of them that lead to rows: what a row holds itself leads nowhere. */
export function relationsIn(app: TestApp, typeName: string): string[] {
  const type = app.schema.getType(typeName) as GraphQLObjectType;
  const rowTypes = specimens.map(({ type }) => type.name);
  return objectsOf(app, typeName).filter((name) =>
    rowTypes.includes(getNamedType(type.getFields()[name]!.type).name.replace(/Connection$/, "")),
  );
}
