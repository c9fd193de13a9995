/** Bad filters of reads, as literals and in variables: a 400 code with the place, no value given away, nothing changed. */
import { describe, expect, it } from "vitest";
import {
  below,
  chunks,
  faultsOf,
  fieldsOf,
  isOperators,
  limit,
  type,
  useUnchangedApp,
  value,
  within,
} from "../../support/bad-values.js";
import { type Bad, expectRefused, type Place, SECRET } from "./bad-reads.js";

const { app, lists, spread } = useUnchangedApp();

/** Ids that are only compared, of any form. */
const OPAQUE = ["resourceId", "requestId"];

describe("filters", () => {
  it("of every field of every type", async () => {
    const seen = new Set<string>();
    const cases = lists().flatMap(({ name, args }): [Place, Bad][] => {
      const filter = args.find((arg) => arg.name === "filter")!;
      const place: Place = {
        name: "filter",
        type: String(filter.type),
        document: (text) => `{ ${name}(filter: ${text}) { totalCount } }`,
      };
      return fieldsOf(filter.type)
        .filter((field) => !["and", "or", "not"].includes(field.name) && isOperators(field.type))
        .flatMap((field) => {
          const isNew = !seen.has(String(field.type));
          if (!OPAQUE.includes(field.name)) seen.add(String(field.type));
          // Every operator with everything once; of other fields of the kind, one fault each.
          const operators = fieldsOf(field.type).filter((_, index) => isNew || index === 0);
          return operators.flatMap((operator, turn) =>
            spread(faultsOf(operator.type), turn)
              .filter(({ what }) => what !== "no key" || !OPAQUE.includes(field.name))
              .slice(0, isNew ? undefined : 1)
              .map((fault): [Place, Bad] => [place, below([field.name, operator.name], fault)]),
          );
        });
    });
    expect(cases.length).toBeGreaterThan(400);
    for (const each of chunks(cases)) await Promise.all(each.map(([place, bad]) => expectRefused(app, place, bad)));
  });

  const place: Place = {
    name: "filter",
    type: "ScanFilter",
    document: (text) => `{ scans(filter: ${text}) { totalCount } }`,
  };
  const nested = (depth: number, ...path: string[]) => within(Array(depth).fill(path).flat(), { id: { eq: "1" } });
  it.each(
    [
      limit("not, 50 deep", nested(50, "not"), "filter"),
      limit("and, 50 deep", nested(50, "and", "[]"), "filter"),
      limit("or, 50 deep", nested(50, "or", "[]"), "filter"),
      limit("relations to one and many, 50 deep", nested(25, "organization", "scans", "some"), "filter"),
      limit("every and none, 50 deep", nested(25, "vulnerabilities", "every", "scan"), "filter"),
      limit("relations, 11 deep", nested(4, "vulnerabilities", "none", "scan"), "filter"),
      limit("101 conditions", { or: Array(101).fill({}) }, "filter"),
      limit(
        "101 conditions across relations",
        { or: Array(34).fill({ vulnerabilities: { some: { id: { ne: "1" } } } }) },
        "filter",
      ),
      limit("10,000 values", { id: { in: Array.from({ length: 10_000 }, (_, n) => `${n}`) } }, "filter"),
      limit(
        "10,000 values across a relation",
        { organization: { name: { notIn: Array(10_000).fill("a") } } },
        "filter",
      ),
      value("null", { organization: null }, "organization"),
      value("null", { vulnerabilities: { some: null } }, "vulnerabilities.some"),
      value("null", { vulnerabilities: null }, "vulnerabilities"),
      value("null", { and: null }, "and"),
      value("null", { not: null }, "not"),
      value(
        "not storable across relations",
        { organization: { users: { none: { email: { contains: "\0" } } } } },
        "organization.users.none.email.contains",
      ),
      value(
        "no key across relations",
        { vulnerabilities: { every: { scanId: { in: ["1", SECRET] } } } },
        "vulnerabilities.every.scanId.in",
      ),
      type("no such operator", { id: { like: "1" } }, "like"),
      type("no such field across a relation", { organization: { passwordHash: { eq: SECRET } } }, "passwordHash"),
      type("a list", [1], ""),
      type("a text", SECRET, ""),
    ].filter(({ at }) => at !== SECRET),
  )("$what", (bad) => expectRefused(app, place, bad));

  it("one of many values is bad", async () => {
    const ids = Array.from({ length: 900 }, (_, n) => (n === 899 ? SECRET : `${n}`));
    await expectRefused(app, place, value("no key", { id: { in: ids } }, "id.in"));
  });
});
