/** The two ways out of the planner, for their tests: rows of each kind that data may take, and one document on both ways. */
import { type DocumentNode, Kind, parse, print, visit } from "graphql";
import { beforeAll, expect } from "vitest";
import { type Client, testApp } from "./app.js";
import { insertFinding, insertInstance, insertOperation } from "./fleet-port.js";

export const LONG = "a".repeat(70);

export const NODE_IDS = ["Scan:1", "User:1", "Scan:999999", "Nothing:1", "Organization:1", "Scan:1"].map((text) =>
  Buffer.from(text).toString("base64url"),
);

/** The same operation with a root field that is not planned at its end, which takes the ordinary path. */
export const ordinary = (document: DocumentNode): string =>
  print(
    visit(document, {
      OperationDefinition: (node) => ({
        ...node,
        selectionSet: {
          ...node.selectionSet,
          selections: [
            ...node.selectionSet.selections,
            { kind: Kind.FIELD, name: { kind: Kind.NAME, value: "viewer" }, selectionSet: parseSelection("{ role }") },
          ],
        },
      }),
    }),
  );

export function parseSelection(text: string) {
  const [definition] = parse(text).definitions;
  if (definition?.kind !== Kind.OPERATION_DEFINITION) throw new Error("no selection");
  return definition.selectionSet;
}

/** Postern looks for revoked sessions every second, whatever is asked. */
export const POLL = /"revoked_at" > /;

/** Starts an app with these rows for the calling file. */
export function useBothWays() {
  const app = testApp();
  /** A row of each kind that data may take: absent values, text that JSON must escape, moments and numbers at their edges. */
  beforeAll(async () => {
    await app.sql`
      insert into vulnerabilities (scan_id, severity, vuln_type, title, description, created_at) values
        (1, 'LOW', 'T"\\', ${'quote " backslash \\ slash / tab \t newline \n \u2028 é 漢 😀 </script>'}, '', '0001-01-01T00:00:00Z'),
        (1, 'INFO', 'EMPTY', '', null, '9999-12-31T23:59:59.999999Z')`;
    await app.sql`
      insert into analytics_metrics (organization_id, metric_type, value, recorded_at) values
        (1, 'edge', 1e300, now()), (1, 'edge', -0.1, now()), (1, 'edge', 5e-324, now()), (1, 'edge', 12345678901234567890, now())`;
    await app.sql`
      insert into audit_logs (actor, action, resource_type, parameters, result, success) values
        (${'{"type": "system", "z": 1, "a": {"10": 1, "9": [null, true, 1.50, "x"]}}'}::text::jsonb, 'edge', 'edge', 'null', '[]', null)`;
    const id = await insertInstance(app, "TEST", { identifier: "both-ways" });
    await insertInstance(app, "PRODUCTION", {
      identifier: "bare",
      endpoint: null,
      members: [],
      tags: [],
      multiAz: false,
    });
    const operation = await insertOperation(app, id, "RUNNING");
    await insertOperation(app, id);
    const [snapshot] = await app.sql`
      insert into snapshots (instance_id, identifier, arn, uid, status, size_bytes, tags, automated, created_at)
      values (${id}, 's-1', 'arn:s-1', 'x', 'available', 5e9, '[{"key": "k", "value": ""}]', false, now()) returning id`;
    const failure = '{"code": "DiskFull", "message": "No \\"space\\".", "guidance": "Make some."}';
    await app.sql`
      insert into operations (type, instance_id, parameters, status, requested_by, snapshot_id, error, result)
      values ('CREATE_SNAPSHOT', ${id}, '{}', 'FAILED', '{}', ${snapshot?.id}, ${failure}::text::jsonb, 'null')`;
    await insertFinding(app, id);
    expect([id, operation]).toEqual(["1", "1"]);
  });
  /** Runs both ways, twice each, because the second run of a plan is a prepared statement. @returns the answer */
  async function bothWays(client: Client, query: string, variables?: Record<string, unknown>) {
    const other = ordinary(parse(query));
    const answers = [];
    for (const document of [query, query, other, other]) {
      app.statements.length = 0;
      app.log.length = 0;
      const { status, data, errors } = await client.run(document, variables);
      expect(errors).toBeUndefined();
      expect(status).toBe(200);
      const statements = app.statements.filter((text) => !POLL.test(text));
      expect(statements).toHaveLength(1);
      // A derived value is computed by Postern, so such a document has only the ordinary path.
      const direct = document === query && !/availableOperations|(actor|requestedBy)Info|createdBy|current/.test(query);
      const alone = app.log.filter(({ msg }) => msg === "answered by the plan alone").length;
      expect(alone, "took the expected way").toBe(direct ? 1 : 0);
      if (document === other) {
        expect(Object.keys(data).at(-1)).toBe("viewer");
        delete data.viewer;
      }
      answers.push(data);
    }
    const texts = answers.map((data) => JSON.stringify(data, null, 1));
    expect(texts[1]).toBe(texts[0]);
    expect(texts[2]).toBe(texts[0]);
    expect(texts[3]).toBe(texts[0]);
    return answers[0];
  }

  return {
    app,
    bothWays,
  };
}
