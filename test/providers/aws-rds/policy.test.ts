/** What the README asks an AWS administrator to allow is what the code calls, and what it asks to deny is what the rules call production. */
import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { DEFAULT_ENVIRONMENT_RULES } from "../../../src/modules/fleet/inventory/index.js";

const folder = new URL("../../../src/providers/aws-rds/", import.meta.url);
const read = (name: string) => readFileSync(new URL(name, folder), "utf8");
const json = (kind: string) => JSON.parse(new RegExp(`\`\`\`json ${kind}\n([^]*?)\`\`\``).exec(read("README.md"))![1]!);

interface Statement {
  readonly Effect: string;
  readonly Action: string | readonly string[];
  readonly Resource: unknown;
  readonly Condition?: Record<string, Record<string, unknown>>;
}
const { Statement: statements } = json("policy") as { Statement: readonly Statement[] };
const actionsOf = (chosen: readonly Statement[]) => [...new Set(chosen.flatMap(({ Action }) => Action))].sort();

/** The names of the commands that the code sends. */
const called = [
  ...new Set(
    readdirSync(folder)
      .filter((name) => name.endsWith(".ts"))
      .flatMap((name) => [...read(name).matchAll(/new (\w+)Command\(/g)].map(([, action]) => action!)),
  ),
].sort();
const isChange = (action: string) => !/^rds:Describe/.test(action);

it("allows the calls that the code makes, and to tag what it makes and instances, and nothing else", () => {
  expect(called).toContain("AssumeRole");
  const rds = called.filter((action) => action !== "AssumeRole").map((action) => `rds:${action}`);
  const allowed = statements.filter(({ Effect }) => Effect === "Allow");
  expect(actionsOf(allowed)).toEqual(rds.sort());
  expect(allowed.filter(({ Condition }) => Condition)).toEqual([]);
  const tagging = allowed.find(({ Action }) => Action === "rds:AddTagsToResource");
  expect(tagging?.Resource).toEqual(
    ["snapshot", "cluster-snapshot", "db", "cluster"].map((kind) => `arn:aws:rds:*:*:${kind}:*`),
  );
  const untagging = allowed.find(({ Action }) => Action === "rds:RemoveTagsFromResource");
  expect(untagging?.Resource).toBe("arn:aws:rds:*:*:db:*");
});

it("denies every change, of clusters too, where a tag with a known key names production, whatever the case", () => {
  const denied = statements.filter(({ Effect }) => Effect === "Deny");
  const changes = called
    .map((action) => `rds:${action}`)
    .filter((action) => isChange(action) && action !== "rds:AssumeRole");
  const keys = DEFAULT_ENVIRONMENT_RULES.tagKeys.filter((key) => !key.includes("*")).map((key) => key.toLowerCase());
  const deniedKeys = denied.map(({ Action, Resource, Condition }) => {
    expect([[...Action].sort(), Resource, Object.keys(Condition!)]).toEqual([changes, "*", ["StringEqualsIgnoreCase"]]);
    const [[key, values]] = Object.entries(Condition!.StringEqualsIgnoreCase!) as [[string, unknown]];
    expect(values).toEqual(DEFAULT_ENVIRONMENT_RULES.values.PRODUCTION);
    return key.replace("aws:ResourceTag/", "").toLowerCase();
  });
  expect(deniedKeys.sort()).toEqual([...new Set(keys)].sort());
});

it("the trust of the role asks for the external id", () => {
  expect(json("trust").Statement[0]).toMatchObject({
    Action: "sts:AssumeRole",
    Condition: { StringEquals: { "sts:ExternalId": expect.any(String) } },
  });
});
