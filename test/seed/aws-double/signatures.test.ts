/** Whoever does not sign as AWS wants is refused with AWS's code. */
import { afterAll, beforeAll, expect, it, test } from "vitest";
import { type AwsDouble, startAwsDouble } from "../../../src/seed/aws-double/aws-double.js";
import { answerOf, callerOf, signedCall } from "./signed-call.js";

const HOME = "111111111111";
const OTHER = "222222222222";
let double: AwsDouble;

beforeAll(async () => {
  const roles = [{ name: "postern", externalId: "postern-42" }];
  double = await startAwsDouble({ accounts: [{ id: HOME }, { id: OTHER, roles }] });
  double.region(OTHER, "eu-central-1").addInstance({ identifier: "orders" });
});
afterAll(() => double?.stop());

const identity = (changes: object = {}) =>
  signedCall({ url: double.url, credentials: double.credentials, service: "sts", ...changes }, "GetCallerIdentity");

it("a good signature is known by its account", async () => {
  const answer = await identity();
  expect([answer.status, answer.get("Account"), answer.get("Arn")]).toEqual([
    200,
    HOME,
    `arn:aws:iam::${HOME}:user/postern`,
  ]);
});

it("a request without a signature is refused, and not counted", async () => {
  const before = double.calls.length;
  const answer = await answerOf(await fetch(double.url, { method: "POST", body: "Action=DescribeDBInstances" }));
  expect([answer.status, answer.get("Code")]).toEqual([403, "MissingAuthenticationToken"]);
  expect(double.calls).toHaveLength(before);
});

const MINUTE = 60_000;
test.each([
  [
    "an unknown key",
    () => ({ credentials: { accessKeyId: "AKIAUNKNOWN", secretAccessKey: "x" } }),
    403,
    "InvalidClientTokenId",
  ],
  [
    "a wrong secret",
    () => ({ credentials: { ...double.credentials, secretAccessKey: "wrong" } }),
    403,
    "SignatureDoesNotMatch",
  ],
  [
    "a body that was changed",
    () => ({ spoilBody: (body: string) => `${body}&RoleArn=x` }),
    403,
    "SignatureDoesNotMatch",
  ],
  [
    "a header that was changed",
    () => ({ spoil: (headers: Record<string, string>) => Object.assign(headers, { "content-type": "text/plain" }) }),
    403,
    "SignatureDoesNotMatch",
  ],
  [
    "a token that belongs to no key",
    () => ({ credentials: { ...double.credentials, sessionToken: "token" } }),
    403,
    "InvalidClientTokenId",
  ],
  ["a signature of 16 minutes ago", () => ({ at: new Date(Date.now() - 16 * MINUTE) }), 400, "RequestExpired"],
  ["a signature of in 16 minutes", () => ({ at: new Date(Date.now() + 16 * MINUTE) }), 400, "RequestExpired"],
  [
    "a scope that is cut off",
    () => ({
      spoil: (headers: Record<string, string>) =>
        Object.assign(headers, { authorization: headers.authorization!.replace("/aws4_request", "") }),
    }),
    400,
    "IncompleteSignature",
  ],
  [
    "another algorithm",
    () => ({
      spoil: (headers: Record<string, string>) =>
        Object.assign(headers, { authorization: headers.authorization!.replace("AWS4-HMAC-SHA256", "Basic") }),
    }),
    400,
    "IncompleteSignature",
  ],
])("%s", async (_, changes, status, code) => {
  const answer = await identity(changes());
  expect([answer.status, answer.get("Code")]).toEqual([status, code]);
});

it("a region that is none has no signatures", async () => {
  const answer = await callerOf(double.url, double.credentials, "nowhere")("DescribeDBInstances");
  expect([answer.status, answer.get("Code")]).toEqual([403, "SignatureDoesNotMatch"]);
});

const assume = (parameters: Record<string, string>) =>
  signedCall({ url: double.url, credentials: double.credentials, service: "sts" }, "AssumeRole", {
    RoleArn: `arn:aws:iam::${OTHER}:role/postern`,
    RoleSessionName: "postern",
    ExternalId: "postern-42",
    ...parameters,
  });

test.each([
  [{ ExternalId: "another" }, 403, "AccessDenied"],
  [{ ExternalId: "" }, 403, "AccessDenied"],
  [{ RoleArn: `arn:aws:iam::${OTHER}:role/admin` }, 403, "AccessDenied"],
  [{ RoleArn: `arn:aws:iam::333333333333:role/postern` }, 403, "AccessDenied"],
  [{ RoleArn: "postern" }, 400, "ValidationError"],
  [{ RoleSessionName: "a b" }, 400, "ValidationError"],
  [{ RoleSessionName: "" }, 400, "ValidationError"],
  [{ DurationSeconds: "899" }, 400, "ValidationError"],
  [{ DurationSeconds: "7200" }, 400, "ValidationError"],
])("a role is not assumed with %j", async (parameters, status, code) => {
  const answer = await assume(parameters);
  expect([answer.status, answer.get("Code")]).toEqual([status, code]);
});

it("a session sees its own account, until its time is over", async () => {
  const answer = await assume({ DurationSeconds: "900" });
  expect(Date.parse(answer.get("Expiration")!)).toBeGreaterThan(Date.now() + 800_000);
  const session = {
    accessKeyId: answer.get("AccessKeyId")!,
    secretAccessKey: answer.get("SecretAccessKey")!,
    sessionToken: answer.get("SessionToken")!,
  };
  const list = callerOf(double.url, session);
  expect((await list("DescribeDBInstances")).all("DBInstanceIdentifier")).toEqual(["orders"]);
  const own = callerOf(double.url, double.credentials);
  expect((await own("DescribeDBInstances")).all("DBInstanceIdentifier")).toEqual([]);
  const elsewhere = callerOf(double.url, session, "eu-west-1");
  expect((await elsewhere("DescribeDBInstances")).all("DBInstanceIdentifier")).toEqual([]);

  const { sessionToken, ...withoutToken } = session;
  expect((await callerOf(double.url, withoutToken)("DescribeDBInstances")).get("Code")).toBe("InvalidClientTokenId");

  double.clock.advance(900_000);
  const late = await list("DescribeDBInstances");
  expect([late.status, late.get("Code")]).toEqual([403, "ExpiredToken"]);
});
