/** What is wrong is told with what can be given instead, where clients may read the schema; and refusals say where to go on. */
import { describe, expect, it } from "vitest";
import { testApp } from "../support/app.js";
import { describeInstance, insertInstance, memoryProvider } from "../support/fleet-port.js";

const open = testApp({ CLOUDOPS_URL: "https://cloudops.example/new" }, async () => [
  memoryProvider([describeInstance()]).provider,
]);
const closed = testApp({ INTROSPECTION: "false" });

const OF_STATUS = "Use one of PENDING, RUNNING, COMPLETED, FAILED, CANCELLED.";
const LIST = "query($filter: ScanFilter) { scans(filter: $filter) { totalCount } }";

describe.each([
  ["a value of an enum", "{ scans(filter: { status: { eq: DONE } }) { totalCount } }", undefined, OF_STATUS],
  ["a value of an enum in a variable", LIST, { filter: { status: { eq: "DONE" } } }, OF_STATUS],
  ["an operator", "{ scans(filter: { status: { equals: FAILED } }) { totalCount } }", undefined, "Use one of eq, "],
  ["an operator in a variable", LIST, { filter: { status: { equals: "FAILED" } } }, "Use one of eq, "],
  ["a field to order by", "{ scans(orderBy: [{ field: AGE }]) { totalCount } }", undefined, "Use one of ID, "],
])("%s that there is not", (_what, query, variables, advice) => {
  it("is answered with those that there are", async () => {
    const { errors } = await (await open.as("admin")).run(query, variables);
    expect(errors).toHaveLength(1);
    expect(errors?.[0]?.message).toContain(advice);
  });

  it("is answered without, where the schema is not to be read", async () => {
    const { errors } = await (await closed.as("admin")).run(query, variables);
    expect(errors).toHaveLength(1);
    expect(errors?.[0]?.message).not.toContain("Use one of");
  });
});

it("a day is no moment, and the message says what one is", async () => {
  const { errors } = await (await open.as("admin")).run(LIST, { filter: { createdAt: { gt: "2026-01-01" } } });
  expect(errors?.[0]?.message).toBe("Give the time of day and the zone too, such as 2026-11-21T08:30:00Z.");
});

it("a schema that is not to be read names the variable that opens it", async () => {
  const { errors } = await closed.anonymous.run("{ __schema { types { name } } }");
  expect(errors?.map(({ message }) => message)).toEqual([
    "Clients may not read the schema here: whoever runs Postern can set INTROSPECTION to true.",
  ]);
});

it("production that refuses says where to ask", async () => {
  const instanceId = await insertInstance(open, "PRODUCTION");
  const { errors } = await (await open.as("dba")).run(
    "mutation($input: RebootInstanceInput!) { rebootInstance(input: $input) { operation { id } } }",
    { input: { instanceId } },
  );
  expect(errors?.map(({ message, extensions }) => [extensions.code, message])).toEqual([
    [
      "PRODUCTION_PROTECTED",
      "Operations not allowed on production instances. Please create a CloudOps request. https://cloudops.example/new",
    ],
  ]);
});
