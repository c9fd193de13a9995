/** A list that is walked while rows come and go: what stays is seen exactly once, what comes ahead of the cursor too. */
import { describe, expect, it } from "vitest";
import { testApp } from "../../support/app.js";
import { LISTS, orderInSql, termsOf } from "./lists.js";

const app = testApp();
const VULNERABILITIES = LISTS.find(({ field }) => field === "vulnerabilities")!;

describe.each([
  ["newest first", []],
  ["by a value that may be absent", ["DESCRIPTION DESC", "SEVERITY"]],
  ["by few values", ["SEVERITY"]],
] as const)("%s", (_, order) => {
  const idsInOrder = async () =>
    (
      await app.sql.unsafe(
        `select id::text from vulnerabilities t where ${VULNERABILITIES.own} order by ${orderInSql(VULNERABILITIES, order)}`,
      )
    ).map(({ id }) => id as string);

  it.each([
    ["forwards", "first", "after", "hasNextPage", "endCursor"],
    ["backwards", "last", "before", "hasPreviousPage", "startCursor"],
  ] as const)("%s", async (way, size, argument, more, end) => {
    await app.sql`update vulnerabilities set description = null where id % 3 = 0`;
    const viewer = await app.as("viewer");
    const document = `query($cursor: String, $order: [VulnerabilityOrder!]) {
      vulnerabilities(${size}: 7, ${argument}: $cursor, orderBy: $order) { nodes { id } pageInfo { ${more} ${end} } } }`;
    const turned = (ids: string[]) => (way === "forwards" ? ids : ids.toReversed());

    const [seen, behind, goneUnseen]: [string[], string[], string[]] = [[], [], []];
    let cursor: string | null = null;
    for (let step = 0; ; step++) {
      const variables = { cursor, order: order.length > 0 ? termsOf(order) : null };
      const { data, errors } = await viewer.run(document, variables);
      expect(errors).toBeUndefined();
      const { nodes, pageInfo } = data.vulnerabilities;
      seen.push(...turned(nodes.map(({ id }: { id: string }) => id)));
      if (!pageInfo[more]) break;
      cursor = pageInfo[end];

      // Rows that equal others but for their id, one of them the last that was seen, whose place the cursor marks.
      const here = seen.at(-1)!;
      const before = turned(await idsInOrder());
      const like = [here, seen.find((id) => before.includes(id))!, before.at(-1 - step)!];
      const inserted = await app.sql`
        insert into vulnerabilities (scan_id, severity, vuln_type, title, description, created_at)
        select scan_id, severity, vuln_type, title, description, created_at from vulnerabilities where id in ${app.sql(like)} returning id::text`;
      const after = turned(await idsInOrder());
      const isBehind = (id: string) => after.indexOf(id) < after.indexOf(here);
      behind.push(...inserted.map(({ id }) => id).filter(isBehind));
      const unseen = after.filter((id) => !isBehind(id) && id !== here);
      const gone = [here, seen[(step * 5) % seen.length]!, unseen[(step * 3) % unseen.length]!];
      goneUnseen.push(gone[2]!);
      await app.sql`delete from vulnerabilities where id in ${app.sql(gone)}`;
    }

    const left = turned(await idsInOrder());
    expect(seen.filter((id) => left.includes(id))).toEqual(left.filter((id) => !behind.includes(id)));
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen.filter((id) => goneUnseen.includes(id))).toEqual([]);
    expect([seen.length > 50, goneUnseen.length > 5, behind.length > 0]).toEqual([true, true, true]);
  });
});
