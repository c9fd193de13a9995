/** Lists: pages, filters, snapshots by type and owner, events by time, tags; accounts and regions apart. */
import { afterAll, beforeAll, expect, it, test } from "vitest";
import { type AwsDouble, startAwsDouble } from "../../../src/seed/aws-double/aws-double.js";
import { callerOf } from "./signed-call.js";

const ONE = "111111111111";
const TWO = "222222222222";
const MINUTE = 60_000;
const DAY = 1440 * MINUTE;
let double: AwsDouble;
const START = Date.parse("2026-09-01T12:00:00Z");

beforeAll(async () => {
  double = await startAwsDouble({ accounts: [{ id: ONE }, { id: TWO }], clock: { now: () => new Date(START) } });
  const many = double.region(ONE, "us-east-1");
  for (let n = 0; n < 205; n++)
    many.addInstance({ identifier: `db-${n}`, engine: n % 2 ? "mysql" : "postgres", retentionDays: 0 });
});
afterAll(() => double?.stop());

const at =
  (region: string, account = ONE) =>
  (action: string, parameters?: Record<string, string>) =>
    callerOf(double.url, double.credentialsOf(account), region)(action, parameters);
const filters = (name: string, ...values: string[]) => ({
  "Filters.Filter.1.Name": name,
  ...Object.fromEntries(values.map((value, index) => [`Filters.Filter.1.Values.Value.${index + 1}`, value])),
});

it("205 instances come on three pages, each once, though one is deleted meanwhile", async () => {
  const found: string[] = [];
  const sizes: number[] = [];
  let marker: string | null = "";
  while (marker !== null) {
    const answer = await at("us-east-1")("DescribeDBInstances", marker ? { Marker: marker } : {});
    const page = answer.all("DBInstanceIdentifier");
    found.push(...page);
    sizes.push(page.length);
    if (marker === "") double.region(ONE, "us-east-1").removeInstance(page.at(-1)!);
    marker = answer.get("Marker");
  }
  expect([sizes, new Set(found).size]).toEqual([[100, 100, 5], 205]);
});

test.each([
  [{ MaxRecords: "19" }, "Invalid value 19 for MaxRecords. Must be between 20 and 100"],
  [{ MaxRecords: "101" }, "Invalid value 101 for MaxRecords. Must be between 20 and 100"],
  [{ MaxRecords: "many" }, "Invalid value for MaxRecords: it must be a whole number."],
  [{ Marker: "%%%" }, "Invalid value for Marker: it comes from the page before."],
  [filters("constructor", "x"), "Unrecognized filter name: constructor"],
  [filters("engine"), "The filter engine needs values."],
])("%j is refused", async (parameters, message) => {
  const answer = await at("us-east-1")("DescribeDBInstances", parameters as Record<string, string>);
  expect([answer.status, answer.get("Code"), answer.get("Message")]).toEqual([400, "InvalidParameterValue", message]);
});

it("filters and names choose instances, by ARN too", async () => {
  const list = at("us-east-1");
  const arn = `arn:aws:rds:us-east-1:${ONE}:db:db-7`;
  const resourceId = (await list("DescribeDBInstances", { DBInstanceIdentifier: "DB-7" })).get("DbiResourceId")!;
  const chosen = async (parameters: Record<string, string>) =>
    (await list("DescribeDBInstances", parameters)).all("DBInstanceIdentifier");
  expect(await chosen({ DBInstanceIdentifier: arn })).toEqual(["db-7"]);
  expect(await chosen(filters("db-instance-id", arn, "db-8", "none"))).toEqual(["db-7", "db-8"]);
  expect(await chosen(filters("dbi-resource-id", resourceId))).toEqual(["db-7"]);
  expect((await chosen(filters("engine", "mysql"))).length).toBeGreaterThan(99);
  const gone = await list("DescribeDBInstances", { DBInstanceIdentifier: "none" });
  expect([gone.status, gone.get("Code"), gone.get("Message")]).toEqual([
    ...[404, "DBInstanceNotFound", "DBInstance none not found."],
  ]);
});

it("the same identifier in four places is four instances", async () => {
  const places = [ONE, TWO].flatMap((account) =>
    ["eu-west-1", "eu-west-2"].map((region) => [account, region] as const),
  );
  for (const [account, region] of places) double.region(account, region).addInstance({ identifier: "orders" });
  const ids = await Promise.all(
    places.map(async ([account, region]) => (await at(region, account)("DescribeDBInstances")).all("DbiResourceId")),
  );
  expect(new Set(ids.flat()).size).toBe(4);
  const region = double.region(ONE, "eu-west-1");
  region.renameInstance("orders", "sales");
  expect((await at("eu-west-1")("DescribeDBInstances")).all("DbiResourceId")).toEqual(ids[0]);
  region.replaceInstance("sales");
  const anew = await at("eu-west-1")("DescribeDBInstances");
  expect(anew.all("DBInstanceIdentifier")).toEqual(["sales"]);
  expect(anew.all("DbiResourceId")).not.toEqual(ids[0]);
});

it("snapshots are listed by type, by owner and by name, and a region has 100 manual ones", async () => {
  const region = double.region(ONE, "eu-north-1");
  const list = at("eu-north-1");
  const names = async (parameters: Record<string, string> = {}) =>
    (await list("DescribeDBSnapshots", { MaxRecords: "20", ...parameters })).all("DBSnapshotIdentifier");
  region.addInstance({ identifier: "one" });
  region.addInstance({ identifier: "two", retentionDays: 0 });
  region.addPastBackups();
  region.addSnapshot({ identifier: "awsbackup-1", source: "one", type: "awsbackup" });
  region.addSnapshot({ identifier: "b-two", source: "two" });
  expect(await names()).toEqual(["b-two", "rds:one-2026-09-01-03-00"]);
  expect(await names({ SnapshotType: "automated" })).toEqual(["rds:one-2026-09-01-03-00"]);
  expect(await names({ SnapshotType: "awsbackup" })).toEqual(["awsbackup-1"]);
  expect(await names({ DBInstanceIdentifier: "two" })).toEqual(["b-two"]);
  expect(await names({ DBSnapshotIdentifier: "awsbackup-1" })).toEqual(["awsbackup-1"]);
  expect((await list("DescribeDBSnapshots", { SnapshotType: "odd" })).get("Code")).toBe("InvalidParameterValue");
  const missing = await list("DescribeDBSnapshots", { DBSnapshotIdentifier: "none" });
  expect([missing.status, missing.get("Code")]).toEqual([404, "DBSnapshotNotFound"]);

  for (let n = 1; n < 100; n++) region.addSnapshot({ identifier: `m-${n}`, source: "one" });
  const full = await list("CreateDBSnapshot", { DBInstanceIdentifier: "one", DBSnapshotIdentifier: "more" });
  expect([full.status, full.get("Code"), full.get("Message")]).toEqual([
    ...[400, "SnapshotQuotaExceeded", "Cannot create more than 100 manual snapshots"],
  ]);
  expect((await list("DeleteDBSnapshot", { DBSnapshotIdentifier: "B-two" })).get("Status")).toBe("deleted");
  expect((await list("DeleteDBSnapshot", { DBSnapshotIdentifier: "rds:one-2026-09-01-03-00" })).get("Code")).toBe(
    "InvalidDBSnapshotState",
  );
  expect((await list("DescribeDBSnapshots", { DBSnapshotIdentifier: "b-two" })).get("Status")).toBe("deleting");
  double.clock.advance(10_000);
  expect(await names({ DBInstanceIdentifier: "two" })).toEqual([]);
  const again = await list("CreateDBSnapshot", { DBInstanceIdentifier: "one", DBSnapshotIdentifier: "more" });
  expect(again.status).toBe(200);
});

test.each(["1x", "a--b", "a-", "rds:x", "ä", "a".repeat(256)])("%s is no identifier of a snapshot", async (name) => {
  double.region(ONE, "eu-north-1");
  const parameters = { DBInstanceIdentifier: "one", DBSnapshotIdentifier: name };
  expect((await at("eu-north-1")("CreateDBSnapshot", parameters)).get("Code")).toBe("InvalidParameterValue");
});

it("backups are taken in their window, and kept as long as they should", async () => {
  const region = double.region(TWO, "eu-north-1");
  region.addInstance({ identifier: "kept", retentionDays: 2 });
  region.addCluster({ identifier: "au", members: [{ identifier: "au-1" }], retentionDays: 2 });
  double.clock.advance(5 * DAY);
  const dates = ["2026-09-04-03-00", "2026-09-05-03-00", "2026-09-06-03-00"];
  const { snapshots, clusterSnapshots } = region.look();
  expect(snapshots.map(({ identifier }) => identifier)).toEqual(dates.map((date) => `rds:kept-${date}`));
  expect(clusterSnapshots.map(({ identifier }) => identifier)).toEqual(dates.map((date) => `rds:au-${date}`));
  expect(snapshots.map(({ type, status }) => [type, status])).toEqual(dates.map(() => ["automated", "available"]));
  region.addSnapshot({ identifier: "own", source: "kept" });
  region.removeInstance("kept");
  expect(region.look().snapshots.map(({ identifier }) => identifier)).toEqual(["own"]);
});

it("events are those of the last hour, of one source, or of a time within 14 days", async () => {
  const region = double.region(TWO, "eu-west-3");
  const list = async (parameters: Record<string, string> = {}) => at("eu-west-3", TWO)("DescribeEvents", parameters);
  const messages = async (parameters: Record<string, string> = {}) => (await list(parameters)).all("Message");
  region.addEvent("db-instance", "one", "first");
  const first = double.clock.now();
  double.clock.advance(61 * MINUTE);
  for (let n = 0; n < 21; n++) region.addEvent("db-instance", "two", `n${n}`, n === 3 ? "failover" : "backup");
  expect(await messages()).toHaveLength(21);
  const page = await list({ MaxRecords: "20" });
  expect(await messages({ MaxRecords: "20", Marker: page.get("Marker")! })).toEqual(["n20"]);
  expect(await messages({ "EventCategories.EventCategory.1": "failover" })).toEqual(["n3"]);
  expect(await messages({ Duration: "120", SourceType: "db-instance", SourceIdentifier: "one" })).toEqual(["first"]);
  expect(await messages({ StartTime: first.toISOString(), EndTime: first.toISOString() })).toEqual(["first"]);
  expect(await messages({ StartTime: first.toISOString() })).toHaveLength(22);
  expect((await list({ SourceIdentifier: "one" })).get("Code")).toBe("InvalidParameterCombination");
  expect((await list({ StartTime: "yesterday" })).get("Code")).toBe("InvalidParameterValue");
  expect((await list({ StartTime: "2026-01-01T00:00:00Z" })).get("Code")).toBe("InvalidParameterValue");
});

it("tags are added, replaced, listed and removed by ARN, with AWS's rules", async () => {
  double.region(TWO, "eu-central-1").addInstance({ identifier: "tagged" });
  const ResourceName = `arn:aws:rds:eu-central-1:${TWO}:db:tagged`;
  const call = async (action: string, parameters: Record<string, string>) =>
    at("eu-central-1", TWO)(action, { ResourceName, ...parameters });
  const tag = (key: string, value: string) =>
    call("AddTagsToResource", { "Tags.Tag.1.Key": key, "Tags.Tag.1.Value": value });
  expect((await tag("Env", "dev")).status).toBe(200);
  expect((await tag("Env", "test")).status).toBe(200);
  expect((await tag("Owner", "Söhne")).status).toBe(200);
  const listed = await call("ListTagsForResource", {});
  expect([listed.all("Key"), listed.all("Value")]).toEqual([
    ["Env", "Owner"],
    ["test", "Söhne"],
  ]);
  await call("RemoveTagsFromResource", { "TagKeys.member.1": "Env" });
  expect((await call("ListTagsForResource", {})).all("Key")).toEqual(["Owner"]);
  for (const [key, value] of [
    ["aws:x", "1"],
    ["RDS:x", "1"],
    ["k".repeat(129), "1"],
    ["k", "<"],
    ["k", ""],
  ] as const)
    expect((await tag(key, value)).get("Code")).toBe("InvalidParameterValue");
  const elsewhere = await call("ListTagsForResource", { ResourceName: `arn:aws:rds:eu-central-1:${ONE}:db:tagged` });
  expect(elsewhere.get("Code")).toBe("InvalidParameterValue");
});

test.each([
  ["DescribeDBEngineVersions", {}, "InvalidAction"],
  ["", {}, "MissingAction"],
  ["constructor", {}, "InvalidAction"],
  ["DescribeDBInstances", { Version: "2014-09-01" }, "InvalidAction"],
  ["CreateDBSnapshot", { DBSnapshotIdentifier: "x" }, "MissingParameter"],
])("%j with %j is %s", async (action, parameters, code) => {
  const answer = await at("eu-central-1")(action, parameters);
  expect([answer.status, answer.get("Code")]).toEqual([400, code]);
});
