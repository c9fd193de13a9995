/** The documents that users copy: each says who may run it, and does what it says for exactly those. */
import { parse, validate } from "graphql";
import { describe, expect, it } from "vitest";
import { type Somebody } from "../support/app.js";
import { oneOfEach } from "../support/deep.js";
import { examples, ROLES, type Run, useExamples } from "../support/examples.js";
import { accountsRuns } from "./example-runs/accounts.js";
import { dataRuns } from "./example-runs/data.js";
import { fleetRuns } from "./example-runs/fleet.js";

const kit = useExamples();
const { app, freshAs } = kit;
const RUNS: Record<string, Run> = { ...accountsRuns(kit), ...dataRuns(kit), ...fleetRuns(kit) };

it("tests every example", () => {
  expect(Object.keys(RUNS).sort()).toEqual(examples.map(({ name }) => name));
});

describe.each(examples.map((example, turn) => ({ ...example, turn })))(
  "$name",
  ({ name, text, purpose, who, variables, turn }) => {
    it("says what it does and who may run it, names its variables, and fits the schema", () => {
      expect(purpose).toMatch(/^# [A-Z].{20,}\.$/);
      expect(who).not.toEqual([]);
      expect(["everybody", ...ROLES]).toEqual(expect.arrayContaining([...who]));
      const document = parse(text);
      expect(validate(app.schema, document)).toEqual([]);
      const [operation, ...others] = document.definitions;
      expect(others).toEqual([]);
      const defined = operation?.kind === "OperationDefinition" ? (operation.variableDefinitions ?? []) : [];
      expect(Object.keys(variables)).toEqual(defined.map((definition) => definition.variable.name.value));
    });

    const run = RUNS[name];
    const allowed = who[0] === "everybody" ? [null, ...ROLES] : who;
    // That each role may make each call stands in access/roles.test.ts: in the short form one of them does what the document says.
    it.each(oneOfEach(allowed, () => "allowed", turn))("does what it says as %s", async (role) => {
      // A resource whose trail is not empty.
      if (name === "audit-trail") {
        await app.sql`
        insert into audit_logs (actor, action, resource_type, resource_id, success)
        values ('{"type": "system"}', 'scan.update', 'scan', '1', true)`;
      }
      const client = role === null ? app.anonymous : await freshAs(role);
      const input = await run?.input?.(client);
      const others = await run?.variables?.(client);
      const given = {
        ...variables,
        ...(input && { input: { ...(variables.input as object), ...input } }),
        ...others,
      };
      const { status, data, errors } = await client.run(text, given);
      expect(errors).toBeUndefined();
      expect(status).toBe(200);
      await run?.answers(data, client, given);
    });

    const refused = who[0] === "everybody" ? [] : [null, ...ROLES.filter((role) => !who.includes(role))];
    if (refused.length === 0) return;
    it("is refused to everybody else", async () => {
      for (const role of refused) {
        const client = role === null ? app.anonymous : await app.as(role.toLowerCase() as Somebody);
        const { status, data, code } = await client.run(text, variables);
        expect({ role, status, code }).toEqual({
          role,
          ...(role === null ? { status: 401, code: "UNAUTHENTICATED" } : { status: 403, code: "FORBIDDEN" }),
        });
        expect(new Set(Object.values(data))).toEqual(new Set([null]));
      }
    });
  },
);
