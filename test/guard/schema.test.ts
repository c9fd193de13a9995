/**
 * The committed SDL and permission map are what Postern serves: their diff is the review of the API. `npm run schema` writes them.
 * They are sorted, so that moving code leaves them as they are.
 */
import { lexicographicSortSchema, printSchema } from "graphql";
import { expect, it } from "vitest";
import { testApp } from "../support/app.js";
import { accessTable } from "./access-table.js";

const app = testApp();

it("schema/schema.graphql is current", async () => {
  await expect(`${printSchema(lexicographicSortSchema(app.schema))}\n`).toMatchFileSnapshot(
    "../../schema/schema.graphql",
  );
});

it("schema/access.md is current", async () => {
  await expect(accessTable(app.access)).toMatchFileSnapshot("../../schema/access.md");
});
