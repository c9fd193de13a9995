/** Faults of credentials, listings and connections that are told apart by small signs. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DBInstance } from "@aws-sdk/client-rds";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { afterAll, afterEach, beforeAll, expect, it, onTestFinished, vi } from "vitest";
import { accountCredentials, defaultCredentials } from "../../../src/providers/aws-rds/credentials.js";
import { listRdsInstances } from "../../../src/providers/aws-rds/instances.js";
import { refusalOf } from "../../../src/providers/aws-rds/refusals.js";
import type { AwsScope } from "../../../src/providers/aws-rds/scopes.js";
import { ACCOUNT, OTHER_ACCOUNT, REGION, roleOf, startAws, type UnderAws } from "../../support/aws.js";

let under: UnderAws;
beforeAll(async () => {
  under = await startAws();
});
afterEach(() => void vi.unstubAllEnvs());
afterAll(() => under?.aws.stop());

it("a role is assumed once more with other credentials of one's own where these have ended", async () => {
  const forgotten: number[] = [];
  const own = Object.assign(async () => under.aws.credentials, {
    memoized: true as const,
    generation: () => 7,
    forget: (generation: number) => void forgotten.push(generation),
    secrets: () => [],
  });
  const account = { accountId: OTHER_ACCOUNT, name: null, regions: [REGION], ...roleOf(OTHER_ACCOUNT) };
  const client = { requestHandler: new NodeHttpHandler(), endpoint: under.aws.url };
  const session = accountCredentials(account, own, client, () => under.aws.clock.now().getTime());
  under.aws.fault({ as: "expired-token", action: "AssumeRole", times: 1 });
  expect((await session()).accessKeyId).toMatch(/^ASIA/);
  expect(forgotten).toEqual([7]);
});

it("credentials in a file are read anew where the old ones have ended", async () => {
  const folder = await mkdtemp(join(tmpdir(), "postern-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, "credentials");
  const write = (key: string) =>
    writeFile(file, `[default]\naws_access_key_id = ${key}\naws_secret_access_key = secret-of-${key}\n`);
  for (const name of ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"]) vi.stubEnv(name, undefined);
  vi.stubEnv("AWS_SHARED_CREDENTIALS_FILE", file);
  vi.stubEnv("AWS_CONFIG_FILE", join(folder, "config"));
  vi.stubEnv("AWS_EC2_METADATA_DISABLED", "true");
  const own = defaultCredentials(new NodeHttpHandler(), () => 0);
  await write("ONE");
  expect((await own()).accessKeyId).toBe("ONE");
  await write("TWO");
  expect((await own()).accessKeyId).toBe("ONE");
  own.forget(own.generation());
  expect((await own()).accessKeyId).toBe("TWO");
});

const RESOURCE = `db-${"A".repeat(26)}`;
const instance = (name: string, DbiResourceId = RESOURCE): DBInstance => ({
  DBInstanceIdentifier: name,
  DbiResourceId,
  DBInstanceArn: `arn:aws:rds:${REGION}:${ACCOUNT}:db:${name}`,
});
/** @returns the ids of what is listed in pages, as AWS gives it while people rename */
async function idsOf(...pages: DBInstance[][]) {
  const send = async (command: { readonly input: { readonly Marker?: string } }) => {
    if (command.constructor.name === "DescribeDBClustersCommand") return { DBClusters: [] };
    const page = Number(command.input.Marker ?? 0);
    return { DBInstances: pages[page], ...(page + 1 < pages.length && { Marker: String(page + 1) }) };
  };
  const scope = {
    accountId: ACCOUNT,
    region: REGION,
    name: null,
    read: (ask: AwsScope["read"]) => ask({ send } as never),
  };
  return (await listRdsInstances(scope as never)).instances.map(({ id }) => id);
}

it("an instance that is listed on two pages is one, and keeps its id", async () => {
  expect(await idsOf([instance("one")], [instance("one")])).toEqual([RESOURCE]);
});

it("an instance that is renamed between two pages does not become two others: nothing is known then", async () => {
  await expect(idsOf([instance("one")], [instance("two")])).rejects.toMatchObject({
    extensions: { providerCode: "Renamed" },
  });
});

it("what looks like RDS may give all instances one resource id", async () => {
  const ids = await idsOf([instance("one", "db-same"), instance("two", "db-same")]);
  expect(ids).toEqual(["one", "two"].map((name) => instance(name).DBInstanceArn));
});

it.each(["AKIAIOSFODNN7EXAMPLE", "arn:aws:rds:eu-central-1:999999999999:db:other", "a\0b", "a".repeat(101), "<b>"])(
  "a text that is no code of AWS is not repeated as one: %j",
  (Code) => {
    const fault = Object.assign(new Error("No."), { Code, $metadata: { httpStatusCode: 400 } });
    expect(refusalOf(fault, ACCOUNT)).toEqual({ failure: { code: "UnknownError", message: "No." }, isPassing: false });
  },
);

it.each([
  ["connect", true],
  ["getaddrinfo", true],
  ["read", false],
  ["write", false],
  [undefined, false],
])("EHOSTUNREACH at %s: whether it was never sent is %s", (syscall, isUnsent) => {
  const fault = Object.assign(new Error("no route"), { code: "EHOSTUNREACH", syscall });
  expect(refusalOf(fault, ACCOUNT) !== null).toBe(isUnsent);
  const other = Object.assign(new Error("refused"), { code: "ECONNREFUSED", syscall: "connect" });
  const all = Object.assign(new AggregateError([other, fault]), { code: "ECONNREFUSED" });
  expect(refusalOf(all, ACCOUNT) !== null).toBe(isUnsent);
});
