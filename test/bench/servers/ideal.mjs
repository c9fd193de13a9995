/** The ideal: the very statements that Postern sends (see ideal.ts), their values put where Postern puts them. No GraphQL, no doors, no HTTP library. */
import { readFileSync } from "node:fs";
import { listenBare } from "./bare-socket.mjs";
import { onIdlest } from "./connections.mjs";

const STATEMENTS = JSON.parse(readFileSync(process.env.IDEAL_STATEMENTS, "utf8"));

function bound({ constant, texts, names }, values) {
  if (!texts) return constant;
  let text = texts[0];
  for (let index = 0; index < names.length; index++) text += values[names[index]] + texts[index + 1];
  return text;
}

/** The values of a row, each between the texts around it. */
function filled({ column, texts }, row) {
  let answer = texts[0];
  let next = 1;
  for (let index = column; index < row.length; index++) {
    const values = (row[index] ?? "").split("\x1f");
    for (let at = values.length > 1 ? 1 : 0; at < values.length; at++) answer += values[at] + texts[next++];
  }
  return answer;
}

listenBare(async ({ operationName, variables }) => {
  const statement = STATEMENTS[operationName];
  if (!statement) return '{"__typename":"Query"}';
  const values = variables.input ?? variables;
  const parameters = statement.parameters.map((parameter) => bound(parameter, values));
  const [row] = await onIdlest((sql) => sql.unsafe(statement.text, parameters, { prepare: true }).values());
  return filled(statement, row);
});
