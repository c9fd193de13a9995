/** A field that a role may not read is no oracle: neither filtered, ordered, grouped nor aggregated by, at any depth. */
import { parse } from "graphql";
import { describe, expect, it } from "vitest";
import type { ActorAccess } from "../../../src/auth/actor.js";
import type { TypeDeclaration } from "../../../src/engine/declaration.js";
import { compile } from "../../../src/engine/read/compile.js";
import { collectSelection } from "../../../src/engine/read/selection.js";
import { AppError } from "../../../src/errors.js";
import { LIMITS } from "../../../src/limits.js";
import { Scan, Vulnerability } from "../../../src/modules/data/scans/scans.model.js";
import { testApp } from "../../support/app.js";

const app = testApp();

/** Scans whose start, type and number of findings only administrators of users may read; their vulnerabilities are as they were. */
const Guarded: TypeDeclaration = {
  ...Scan,
  fields: Object.fromEntries(
    Object.entries(Scan.fields).map(([name, field]) => [
      name,
      ["startedAt", "scanType", "vulnerabilitiesFound"].includes(name) ? { ...field, read: ["users:write"] } : field,
    ]),
  ) as unknown as TypeDeclaration["fields"],
  relations: {
    ...Scan.relations,
    vulnerabilities: { kind: "many", nullable: false, to: () => OfGuarded, by: "scan", description: "" },
  },
};
const OfGuarded: TypeDeclaration = {
  ...Vulnerability,
  relations: { scan: { ...Vulnerability.relations.scan, to: () => Guarded } as never },
};

const reader: ActorAccess = {
  permissions: new Set(["scans:read", "vulnerabilities:read", "organizations:read"]),
  organizationId: null,
  userId: null,
  sessionId: null,
  shape: "reader",
  holder: "1",
};
const administrator: ActorAccess = { ...reader, permissions: new Set([...reader.permissions, "users:write"]) };

function planned(query: string, access: ActorAccess) {
  const document = parse(query);
  const [operation] = document.definitions;
  if (operation?.kind !== "OperationDefinition") throw new Error("no operation");
  const units = [...collectSelection([operation.selectionSet], {}, {})].map(([key, nodes]) => {
    const type = nodes[0].name.value === "scans" ? Guarded : OfGuarded;
    return { key, target: { kind: "connection" as const, type }, nodes };
  });
  try {
    return compile(app.schema, units, {}, {}, access, LIMITS, "key");
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
}

const WAYS = [
  'scans(filter: { scanType: { eq: "FULL" } }) { totalCount }',
  "scans(filter: { not: { or: [{ startedAt: { isNull: true } }] } }) { totalCount }",
  "scans(orderBy: [{ field: STATUS }, { field: STARTED_AT }]) { nodes { id } }",
  "scans { aggregate { sum { vulnerabilitiesFound } } }",
  "scans { aggregate { count max { startedAt } } }",
  "scans { groups(by: [{ field: SCAN_TYPE }]) { aggregate { count } } }",
  "scans { groups(by: [{ field: STATUS }]) { aggregate { avg { vulnerabilitiesFound } } } }",
  'vulnerabilities(filter: { scan: { scanType: { eq: "FULL" } } }) { totalCount }',
  "vulnerabilities(orderBy: [{ field: SCAN_STARTED_AT }]) { nodes { id } }",
  "scans { nodes { vulnerabilities(filter: { scan: { vulnerabilitiesFound: { gt: 1 } } }) { nodes { id } } } }",
  'scans(filter: { vulnerabilities: { some: { scan: { scanType: { eq: "FULL" } } } } }) { nodes { id } }',
];

describe.each(WAYS)("%s", (query) => {
  it("is refused to who may not read the field", () => {
    expect(planned(`{ ${query} }`, reader)).toMatchObject({
      code: "FORBIDDEN",
      extensions: { permission: "users:write" },
    });
  });
  it("is answered to who may", () => {
    expect(planned(`{ ${query} }`, administrator)).toMatchObject({ refused: false });
  });
});

it("selected, it is left out and reported, and the rest is answered", () => {
  const plan = planned("{ scans { nodes { id startedAt } } }", reader);
  expect(plan).toMatchObject({ refused: true });
  expect((plan as { text: string }).text).not.toContain("started_at");
});
