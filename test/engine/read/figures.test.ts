/** Sums and averages of numbers at the edge of what a Float holds. */
import { beforeAll, describe, expect, it } from "vitest";
import { type Client, testApp } from "../../support/app.js";

const app = testApp();
const MAX = Number.MAX_VALUE;

/** By metric: values, and their sum and average. */
const METRICS: Record<string, { values: number[]; sum: number | null; avg: number }> = {
  huge: { values: [1.7e308, 1.7e308], sum: null, avg: 1.7e308 },
  "huge and negative": { values: [-1.7e308, -1.7e308, -1.7e308], sum: null, avg: -1.7e308 },
  "largest of all": { values: Array(1000).fill(MAX), sum: null, avg: MAX },
  alone: { values: [MAX], sum: MAX, avg: MAX },
  "that cancel": { values: [1.7e308, 1.7e308, -1.7e308, -1.7e308, 6], sum: 6, avg: 1.2 },
  "huge beside small": { values: [1e290, 1e291, 5, 5e-324], sum: 1.1e291, avg: 2.75e290 },
  "as large as is ordinary": { values: Array(64).fill(2 ** 963), sum: 2 ** 969, avg: 2 ** 963 },
  ordinary: { values: [0.5, 0.25, 100], sum: 100.75, avg: 100.75 / 3 },
  smallest: { values: [5e-324, 5e-324], sum: 1e-323, avg: 5e-324 },
};
let admin: Client;

beforeAll(async () => {
  admin = await app.as("admin");
  await app.sql`delete from analytics_metrics`;
  for (const [metric, { values }] of Object.entries(METRICS)) {
    await app.sql`
      insert into analytics_metrics (organization_id, metric_type, value)
      select 1, ${metric}, value::float8 from jsonb_array_elements_text(${JSON.stringify(values)}::text::jsonb) value`;
  }
});

const NO_SUM = {
  message: "This sum is beyond what a Float holds, 1.8e308. Ask for the average, or for the sum of fewer rows.",
  code: "LIMIT_EXCEEDED",
  limit: "float",
};
const described = ({
  message,
  extensions: { code, limit },
}: {
  message: string;
  extensions: Record<string, string>;
}) => ({
  message,
  code,
  limit,
});

/** Beside a field that is not planned the ordinary path answers. */
const WAYS = { fast: "", ordinary: "viewer { role }" };

describe.each(Object.keys(WAYS) as (keyof typeof WAYS)[])("the %s way", (way) => {
  it.each(Object.keys(METRICS))("values that are %s", async (metric) => {
    const { values, sum, avg } = METRICS[metric]!;
    const { data, errors, status } = await admin.run(
      `query($metric: String!) { ${WAYS[way]} m: analyticsMetrics(filter: { metricType: { eq: $metric } }) { totalCount aggregate { count s: sum { v: value __typename } avg { value } max { value } } } }`,
      { metric },
    );
    expect(status).toBe(200);
    expect(data.m).toEqual({
      totalCount: values.length,
      aggregate: {
        count: values.length,
        s: { v: sum, __typename: "AnalyticsMetricNumbers" },
        avg: { value: avg },
        max: { value: Math.max(...values) },
      },
    });
    expect(errors?.map(({ path }) => path)).toEqual(sum === null ? [["m", "aggregate", "s", "v"]] : undefined);
    for (const error of errors ?? []) expect(described(error)).toEqual(NO_SUM);
  });

  it("groups of which some have no sum, beside another field", async () => {
    const { data, errors } = await admin.run(
      `{ ${WAYS[way]} analyticsMetrics { groups(by: [{ field: METRIC_TYPE }]) { key { metricType } aggregate { sum { value } avg { value } } } } scan(id: 1) { id } }`,
    );
    expect(data.scan).toEqual({ id: "1" });
    const groups = data.analyticsMetrics.groups as { key: { metricType: string }; aggregate: object }[];
    expect(groups).toHaveLength(Object.keys(METRICS).length);
    for (const { key, aggregate } of groups) {
      const { sum, avg } = METRICS[key.metricType]!;
      expect(aggregate, key.metricType).toEqual({ sum: { value: sum }, avg: { value: avg } });
    }
    const missing = groups.flatMap(({ key }, index) => (METRICS[key.metricType]?.sum === null ? [index] : []));
    expect(errors?.map(({ path }) => path?.join("."))).toEqual(
      missing.map((index) => `analyticsMetrics.groups.${index}.aggregate.sum.value`),
    );
  });
});

it("a text that looks like the number that is none changes nothing", async () => {
  await app.sql`insert into organizations (name, domain) values ('1e999', 'none.example')`;
  const { data, errors } = await admin.run(
    `{ organizations(filter: { name: { eq: "1e999" } }) { nodes { name } } analyticsMetrics(filter: { metricType: { eq: "ordinary" } }) { aggregate { sum { value } } } }`,
  );
  expect([data.organizations.nodes, errors]).toEqual([[{ name: "1e999" }], undefined]);
});
