/** What may become of the rows that are not an organization's: each step a world that it must not be able to tell from the last. */
import type { Sql } from "postgres";
import { specimens } from "../../specimens/index.js";
import type { Step } from "../../specimens/specimen.js";

/** @returns statements that change only what is another's, or nobody's */
function statementsOf(step: Step): string[] {
  // What refers to a row goes before it.
  const inOrder = step === "none at all" ? specimens.toReversed() : specimens;
  return inOrder.flatMap(({ generated }) => generated?.steps[step] ?? []);
}

/** @throws where a statement changes nothing: then it would show nothing */
export async function take(sql: Sql, step: Step): Promise<void> {
  for (const statement of statementsOf(step)) {
    const { count } = await sql.unsafe(statement);
    if (count === 0) throw new Error(`changes nothing: ${statement}`);
  }
}
