/** One row and the rows that it refers to, where some are absent: every value and every null in its place. */
import { expect, it } from "vitest";
import { testApp } from "../../support/app.js";

const app = testApp();

const MESSAGE = '\u001f\u001e\u2028, in a "row"';

/** A message of an administrator, who belongs to no organization. */
async function insertMessage(): Promise<string> {
  const [row] = await app.sql`
    insert into chat_sessions (user_id, session_id, message, response)
    select id, gen_random_uuid(), ${MESSAGE}, '' from users where email = 'admin@demo.example' returning id`;
  return row!.id;
}

it.each<[string, string, object]>([
  [
    "an absent one first",
    "user { organization { id } role } response",
    { user: { organization: null, role: "ADMIN" }, response: "" },
  ],
  [
    "an absent one last",
    "message user { role organization { id name } }",
    { message: MESSAGE, user: { role: "ADMIN", organization: null } },
  ],
  ["none but an absent one", "user { organization { id } }", { user: { organization: null } }],
  [
    "without values",
    "__typename user { __typename organization { __typename } }",
    { __typename: "ChatSession", user: { __typename: "User", organization: null } },
  ],
  [
    "each twice",
    "user { organization { id } o: organization { name } } u: user { o: organization { id } role }",
    { user: { organization: null, o: null }, u: { o: null, role: "ADMIN" } },
  ],
])("%s", async (_case, selection, expected) => {
  const id = await insertMessage();
  const query = `{ none: scan(id: 1000000) { id } chatSession(id: ${id}) { ${selection} } nobody: user(id: 1000000) { id } }`;
  const { data, errors } = await (await app.as("admin")).run(query);
  expect(errors).toBeUndefined();
  expect(data).toEqual({ none: null, chatSession: expected, nobody: null });
});
