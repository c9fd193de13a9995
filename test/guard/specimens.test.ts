/** Every type with root fields has a specimen, from which the tables of cases derive: none of them can leave a type out. */
import { describe, expect, it } from "vitest";
import { SPECIMENS } from "../specimens/index.js";
import type { Specimen } from "../specimens/specimen.js";
import { rootTypes } from "../support/model.js";

type Named = Readonly<Record<string, Specimen>>;

const RULES: {
  name: string;
  explanation: string;
  offenders(types: readonly string[], specimens: Named): string[];
  bad: [types: readonly string[], specimens: Named];
  caught: string[];
}[] = [
  {
    name: "every type with root fields has a specimen",
    explanation: "Write one in test/specimens, and name it in its index.ts",
    offenders: (types, specimens) => types.filter((name) => !(name in specimens)),
    bad: [["Organization", "Invoice"], SPECIMENS],
    caught: ["Invoice"],
  },
  {
    name: "every specimen is of a type that is there, and stands under its name",
    explanation: "Its cases would be another type's.",
    offenders: (types, specimens) =>
      Object.entries(specimens)
        .filter(([name, { type }]) => type.name !== name || !types.includes(name))
        .map(([name]) => name),
    bad: [
      ["Organization", "User"],
      { Organization: SPECIMENS.Organization, User: SPECIMENS.Scan, Scan: SPECIMENS.Scan },
    ],
    caught: ["User", "Scan"],
  },
  {
    name: "a specimen stands behind the others that it refers to",
    explanation: "Rows are made in the order of the specimens, and removed in the opposite one.",
    offenders: (_, specimens) => {
      const order = Object.values(specimens);
      return order
        .filter(({ references, owner, writes }, index) =>
          [
            ...Object.values(references).map(({ to }) => to),
            ...(typeof owner === "object" && owner.of ? [owner.of] : []),
            ...(writes?.within ? [writes.within.to] : []),
          ].some((to) => !order.slice(0, index + 1).includes(to)),
        )
        .map(({ type }) => type.name);
    },
    bad: [[], { Scan: SPECIMENS.Scan, Organization: SPECIMENS.Organization, Vulnerability: SPECIMENS.Vulnerability }],
    caught: ["Scan"],
  },
  {
    name: "rows that organizations own change in the generated worlds",
    explanation: "A world that does not change shows nothing.",
    offenders: (_, specimens) =>
      Object.values(specimens)
        .filter(({ owner, generated }) => typeof owner === "object" && !generated?.steps["other values"])
        .map(({ type }) => type.name),
    bad: [[], { Scan: { ...SPECIMENS.Scan, generated: null }, Instance: SPECIMENS.Instance }],
    caught: ["Scan"],
  },
];

describe.each(RULES)("$name", ({ offenders, explanation, bad, caught }) => {
  it("holds", () =>
    expect(
      offenders(
        rootTypes.map(({ name }) => name),
        SPECIMENS,
      ),
      explanation,
    ).toEqual([]));
  it("catches a bad example", () => expect(offenders(...bad)).toEqual(caught));
});
