/** The migrations make what the tables declare: `npm run migration` would have nothing to write. */
import { readdirSync, readFileSync } from "node:fs";
import { generateDrizzleJson, generateMigration } from "drizzle-kit/api";
import { pgTable, text } from "drizzle-orm/pg-core";
import { expect, it } from "vitest";
import * as tables from "../../src/db/tables/index.js";

const FOLDER = new URL("../../drizzle/", import.meta.url);
const json = (path: string) => JSON.parse(readFileSync(new URL(path, FOLDER), "utf8"));

const entries: { idx: number; tag: string }[] = json("meta/_journal.json").entries;

/** What a migration from the newest snapshot to these tables would say. */
function pending(wanted: Record<string, unknown>): Promise<string[]> {
  const newest = json(`meta/${String(entries.at(-1)?.idx).padStart(4, "0")}_snapshot.json`);
  return generateMigration(newest, generateDrizzleJson(wanted, newest.id, undefined, "snake_case"));
}

it("nothing is pending", async () => {
  expect(await pending(tables)).toEqual([]);
});

it("catches a table and a column that no migration makes", async () => {
  const added = pgTable("added", { someText: text() });
  expect(await pending({ ...tables, added })).toEqual(['CREATE TABLE "added" (\n\t"some_text" text\n);\n']);
  const { signingKeys, ...others } = tables;
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
