/**
 * The committed SDL is what Postern serves: its diff is the review of the API. `npm run schema` writes it.
 * It is sorted, so that moving code leaves it as it is.
 */
import { lexicographicSortSchema, printSchema } from "graphql";
import { expect, it } from "vitest";
import { testApp } from "../support/app.js";

const app = testApp();

it("schema/schema.graphql is current", async () => {
  await expect(`${printSchema(lexicographicSortSchema(app.schema))}\n`).toMatchFileSnapshot(
    "../../schema/schema.graphql",
  );
});
