/** The migrations make what the tables declare: `npm run migration` would have nothing to write. */
import { readdirSync, readFileSync } from "node:fs";
import { generateDrizzleJson, generateMigration } from "drizzle-kit/api";
import { is } from "drizzle-orm";
import { getTableConfig, PgTable, pgTable, text } from "drizzle-orm/pg-core";
import { expect, it } from "vitest";
import config from "../../drizzle.config.js";
import { testApp } from "../support/app.js";
import { TABLE_FILES, TABLES, tablesOf } from "../support/tables.js";

const app = testApp();

const FOLDER = new URL("../../drizzle/", import.meta.url);
const json = (path: string) => JSON.parse(readFileSync(new URL(path, FOLDER), "utf8"));

const entries: { idx: number; tag: string }[] = json("meta/_journal.json").entries;

/** What a migration from the newest snapshot to these tables would say. */
function pending(wanted: Record<string, unknown>): Promise<string[]> {
  const newest = json(`meta/${String(entries.at(-1)?.idx).padStart(4, "0")}_snapshot.json`);
  return generateMigration(newest, generateDrizzleJson(wanted, newest.id, undefined, "snake_case"));
}

it("nothing is pending", async () => {
  expect(await pending(TABLES)).toEqual([]);
});

it("catches a table and a column that no migration makes", async () => {
  const added = pgTable("added", { someText: text() });
  expect(await pending({ ...TABLES, added })).toEqual(['CREATE TABLE "added" (\n\t"some_text" text\n);\n']);
  const { signingKeys, ...others } = TABLES;
  expect(signingKeys).toBeDefined();
  expect(await pending(others)).toEqual(['DROP TABLE "signing_keys" CASCADE;']);
});

it("every migration is in the journal, in order, with its snapshot", () => {
  const files = readdirSync(FOLDER).filter((file) => file.endsWith(".sql"));
  expect(files.sort()).toEqual(entries.map(({ tag }) => `${tag}.sql`));
  expect(entries.map(({ idx }) => idx)).toEqual(entries.map((_, index) => index));
  const snapshots = readdirSync(new URL("meta/", FOLDER)).filter((file) => file.endsWith("_snapshot.json"));
  expect(snapshots).toHaveLength(entries.length);
  const chain = snapshots.sort().map((file) => json(`meta/${file}`));
  expect(chain.slice(1).map(({ prevId }) => prevId)).toEqual(chain.slice(0, -1).map(({ id }) => id));
});

it("every table of the database stands in exactly one file, where drizzle-kit looks for tables", async () => {
  expect(config).toMatchObject({ schema: "./src/**/*.table.ts" });
  const declared = await Promise.all(
    TABLE_FILES.map(async (file) =>
      Object.values(await tablesOf(file))
        .filter((value) => is(value, PgTable))
        .map((table) => getTableConfig(table).name),
    ),
  );
  const found = await app.sql`select tablename as name from pg_tables where schemaname = 'public'`;
  expect(declared.flat().sort()).toEqual(found.map(({ name }) => name).sort());
});
