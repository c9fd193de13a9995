/** How Postern comes to AWS: credentials, roles and their sessions, the SDK's own variables, and a proxy; and that no secret comes out. */
import { once } from "node:events";
import { createServer, request as httpRequest } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, connect } from "node:net";
import { inspect } from "node:util";
import { pino } from "pino";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { createAwsRdsProvider } from "../../../src/providers/aws-rds.js";
import type { Provider } from "../../../src/providers/provider.js";
import {
  ACCOUNT,
  ACCOUNTS,
  EXTERNAL_ID,
  OTHER_ACCOUNT,
  REGION,
  scopeOf,
  startAws,
  type UnderAws,
} from "../../support/aws.js";
import { intentOf, newOperationId, rebootOf } from "../../support/ground.js";
import { CERTIFICATE, KEY } from "./certificate.js";

const MINUTE = 60_000;
let under: UnderAws;
let provider: Provider;
beforeAll(async () => {
  under = await startAws();
  for (const account of [ACCOUNT, OTHER_ACCOUNT])
    under.aws.region(account, REGION).addInstance({ identifier: "orders" });
});
beforeEach(() => {
  under.aws.endFaults();
  under.aws.forgetCalls();
  under.lines.length = 0;
  provider = under.open();
});
afterEach(() => void vi.unstubAllEnvs());
afterAll(() => under?.aws.stop());

const far = () => provider.list(scopeOf(provider, OTHER_ACCOUNT));
const assumed = () => under.aws.calls.filter(({ action }) => action === "AssumeRole");
/** The accounts without a role, from whatever the SDK finds. */
const fromEnvironment = () =>
  createAwsRdsProvider({ accounts: ACCOUNTS.slice(0, 1), clock: under.aws.clock, log: pino({ level: "silent" }) });

describe("the session of a role", () => {
  it("is opened with the external id, once for many calls at a time", async () => {
    const lists = await Promise.all([far(), far(), far()]);
    expect(lists.map(({ length }) => length)).toEqual([1, 1, 1]);
    expect(assumed().map(({ parameters }) => parameters)).toEqual([
      {
        RoleArn: `arn:aws:iam::${OTHER_ACCOUNT}:role/postern`,
        RoleSessionName: "postern",
        ExternalId: EXTERNAL_ID,
        DurationSeconds: "3600",
      },
    ]);
  });

  it("that AWS has ended is replaced, and what was asked is asked once more", async () => {
    await far();
    under.aws.expireSessions(OTHER_ACCOUNT);
    expect(await far()).toHaveLength(1);
    expect(assumed()).toHaveLength(2);
  });

  it("is refused without the right external id, which the error does not name", async () => {
    const accounts = [{ ...ACCOUNTS[1]!, externalId: "a-wrong-one" }];
    const standIn = { url: under.aws.url, credentials: under.aws.credentials };
    const wrong = createAwsRdsProvider({ accounts, clock: under.aws.clock, log: pino({ level: "silent" }), standIn });
    const error = await wrong.list(wrong.scopes[0]!).catch((error) => error);
    expect(error).toMatchObject({ code: "UNAVAILABLE", extensions: { providerCode: "AccessDenied" } });
    expect(error.message).toMatch(/AccessDenied.*a resource of another account.*trust/);
    expect(inspect(error, { depth: 9 })).not.toContain("a-wrong-one");
  });

  it("that cannot be opened leaves an operation undone and deferred", async () => {
    const [instance] = await far();
    under.aws.expireSessions(OTHER_ACCOUNT);
    const request = { ...rebootOf(instance!.providerId), operationId: newOperationId() } as never;
    const intent = await intentOf(provider, request);
    under.aws.expireSessions(OTHER_ACCOUNT);
    under.aws.fault({ as: "lose-call", action: "AssumeRole" });
    await provider.start(request, intent);
    expect(await provider.poll(request, intent)).toMatchObject({ state: "deferred" });
    expect(under.aws.calls.some(({ action, done }) => action === "RebootDBInstance" && done)).toBe(false);
  }, 20_000);

  // The double tells ends of sessions by the real time, so this comes after the others.
  it("is renewed before it ends, and serves to its end where that fails", async () => {
    await far();
    under.aws.clock.advance(54 * MINUTE);
    await far();
    expect(assumed()).toHaveLength(1);
    under.aws.clock.advance(2 * MINUTE);
    const fault = under.aws.fault({ as: "deny", action: "AssumeRole" });
    await far();
    under.aws.clock.advance(5 * MINUTE);
    await expect(far()).rejects.toMatchObject({ extensions: { providerCode: "AccessDenied" } });
    fault.end();
    await far();
  });
});

describe("the SDK's own variables", () => {
  const withKey = () => {
    const { accessKeyId, secretAccessKey } = under.aws.credentials;
    vi.stubEnv("AWS_ACCESS_KEY_ID", accessKeyId);
    vi.stubEnv("AWS_SECRET_ACCESS_KEY", secretAccessKey);
  };

  it("say where AWS is, and who asks", async () => {
    withKey();
    vi.stubEnv("AWS_ENDPOINT_URL", under.aws.url);
    const own = fromEnvironment();
    expect(await own.list(own.scopes[0]!)).toHaveLength(1);
  });

  it("without credentials a scope says so", async () => {
    for (const name of ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"]) vi.stubEnv(name, undefined);
    vi.stubEnv("AWS_EC2_METADATA_DISABLED", "true");
    for (const name of ["AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"]) vi.stubEnv(name, "/nowhere/at/all");
    vi.stubEnv("AWS_ENDPOINT_URL", under.aws.url);
    const own = fromEnvironment();
    await expect(own.list(own.scopes[0]!)).rejects.toMatchObject({
      extensions: { providerCode: "CredentialsMissing" },
    });
  });

  it("a proxy is asked by CONNECT for AWS, and not for what NO_PROXY names", async () => {
    withKey();
    vi.stubEnv("AWS_ENDPOINT_URL", undefined);
    const asked: string[] = [];
    const tls = createTlsServer({ cert: CERTIFICATE, key: KEY }, (incoming, outgoing) => {
      const { method, url, headers } = incoming;
      const behind = httpRequest(new URL(url!, under.aws.url), { method, headers }, (answer) => {
        outgoing.writeHead(answer.statusCode!, answer.headers);
        answer.pipe(outgoing);
      });
      incoming.pipe(behind);
    }).listen(0, "127.0.0.1");
    const proxy = createServer().listen(0, "127.0.0.1");
    proxy.on("connect", ({ url, headers }, socket) => {
      asked.push(`${url} ${headers["proxy-authorization"]}`);
      const behind = connect((tls.address() as AddressInfo).port, "127.0.0.1", () => {
        socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
        socket.pipe(behind).pipe(socket);
      });
      for (const end of [socket, behind]) end.on("error", () => undefined);
    });
    await Promise.all([once(tls, "listening"), once(proxy, "listening")]);
    onTestFinished(() => {
      for (const server of [tls, proxy]) server.close();
      tls.closeAllConnections();
    });
    vi.stubEnv("NODE_TLS_REJECT_UNAUTHORIZED", "0");
    vi.stubEnv("HTTPS_PROXY", `http://who:secret@127.0.0.1:${(proxy.address() as AddressInfo).port}`);
    const own = fromEnvironment();
    expect(await own.list(own.scopes[0]!)).toHaveLength(1);
    const who = `Basic ${Buffer.from("who:secret").toString("base64")}`;
    expect(new Set(asked)).toEqual(new Set([`rds.${REGION}.amazonaws.com:443 ${who}`]));
    asked.length = 0;
    vi.stubEnv("NO_PROXY", "127.0.0.1");
    vi.stubEnv("HTTP_PROXY", "http://127.0.0.1:1");
    vi.stubEnv("AWS_ENDPOINT_URL", under.aws.url);
    const near = fromEnvironment();
    expect(await near.list(near.scopes[0]!)).toHaveLength(1);
    expect(asked).toEqual([]);
  });
});

it.each([
  ["refuses, and repeats it", "NotAnAnswer"],
  ["is away", "Unreachable"],
])("the password of a proxy that %s is in no log and no error", async (_what, code) => {
  const password = "proxy-pa55-9c1e";
  const proxy = createServer().listen(0, "127.0.0.1");
  proxy.on("connect", (_incoming, socket) =>
    socket.end(`HTTP/1.1 407 No ${password}\r\nConnection: close\r\n\r\n<html>No ${password}</html>`),
  );
  await once(proxy, "listening");
  onTestFinished(() => void proxy.close());
  const port = code === "Unreachable" ? 1 : (proxy.address() as AddressInfo).port;
  vi.stubEnv("HTTPS_PROXY", `http://who:${password}@127.0.0.1:${port}`);
  for (const name of ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]) vi.stubEnv(name, "made-up");
  const lines: string[] = [];
  const log = pino({ level: "trace" }, { write: (line) => void lines.push(line) });
  const own = createAwsRdsProvider({ accounts: ACCOUNTS.slice(0, 1), clock: under.aws.clock, log });
  const error = await own.list(own.scopes[0]!).catch((error) => error);
  expect(error).toMatchObject({ code: "UNAVAILABLE", extensions: { providerCode: code } });
  log.warn({ err: error });
  for (const told of [inspect(error, { depth: 9 }), lines.join("")]) {
    expect(told).not.toContain(password);
    expect(told).not.toContain(Buffer.from(`who:${password}`).toString("base64"));
  }
});

it("no key, session or external id is in a log or an error, whatever goes wrong", async () => {
  const { accessKeyId, secretAccessKey } = under.aws.credentials;
  const told: unknown[] = [];
  const rules = [
    { as: "deny" },
    { as: "throttle" },
    { as: "html" },
    { as: "lose-answer" },
    { as: "expired-token" },
    { as: "server-error" },
    {
      as: "refuse",
      code: "Odd",
      message: `${accessKeyId} ASIAQWERTYUIOPASDFGH Encoded authorization failure message: qWeRtY`,
    },
  ] as const;
  const request = { ...rebootOf((await far())[0]!.providerId), operationId: newOperationId() } as never;
  const intent = await intentOf(provider, request);
  for (const rule of rules) {
    under.aws.endFaults();
    under.aws.fault(rule);
    const other = under.open();
    told.push(await other.list(scopeOf(other, OTHER_ACCOUNT)).catch((error) => error));
    told.push(await other.start(request, intent).catch((error) => error));
    told.push(await other.poll(request, intent).catch((error) => error));
  }
  const log: string[] = [];
  const logger = pino({ level: "trace" }, { write: (line) => void log.push(line) });
  for (const err of told) logger.error({ err }, "as the log has it");
  const all = inspect(told, { depth: 12, showHidden: true }) + log.join("") + under.lines.join("");
  expect(all).toContain("AccessDenied");
  for (const secret of [accessKeyId, secretAccessKey, EXTERNAL_ID, "ASIA", "Signature=", "qWeRtY"])
    expect(all).not.toContain(secret);
  expect(all).not.toMatch(/SessionToken|secretAccessKey|X-Amz-Security-Token/i);
}, 60_000);
