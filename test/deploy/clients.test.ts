/** The clients of deploy/clients.md, run as they are written, and the way back of a lost administrator, beside a running Postern. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, test, vi } from "vitest";
import { makeSecretsKey } from "../../src/values/secrets-key.js";
import { emptyDatabase } from "../support/empty-database.js";
import { ask, ensureBuilt, signIn, startPostern } from "../support/postern.js";
import { eventually, useSandbox } from "../support/sandbox.js";
import { codeBelow, isThere, ROOT, run, runShell } from "./texts.js";

const sandbox = useSandbox();
vi.setConfig({ testTimeout: 90_000, hookTimeout: 60_000 });
beforeAll(ensureBuilt);

const EMAIL = "ada@example.org";
const PASSWORD = "four random words of ours";
const ADMIN = JSON.stringify({ viewer: { role: "ADMIN" } });

test("the clients sign in, ask and refresh; pages of named origins may call; a lost administrator comes back", async () => {
  const { sql, environment } = await emptyDatabase();
  const [frontend] = await codeBelow("clients.md", "A frontend on another port");
  const [, origins = ""] = /^CORS_ORIGINS=(\S+) npm start\n$/.exec(frontend!)!;
  const given = {
    ...environment,
    NODE_ENV: "production",
    SECRETS_KEY: makeSecretsKey(),
    SHUTDOWN_GRACE_MS: "0",
    CORS_ORIGINS: origins,
  };
  const postern = startPostern(sandbox.path, { ...given, ADMIN_EMAIL: EMAIL, ADMIN_PASSWORD: PASSWORD });
  const { url } = await postern.ready();
  const codeOf = async (heading: string) =>
    (await codeBelow("clients.md", heading)).map((text) =>
      text.replaceAll("http://127.0.0.1:4000", url).replace("PASTE-THE-PASSWORD", PASSWORD),
    );
  const options = { cwd: sandbox.path };
  let renewals = 0;
  const expectRenewals = async () =>
    expect(
      await sql`select count(*)::int as n from security_events where event_type = 'session_renewed'`,
      "one refresh each",
    ).toEqual([{ n: renewals }]);

  const [script] = await codeOf("JavaScript");
  const twice =
    'tokens.accessToken = "ended";\nconst both = await Promise.all([ask("{ viewer { role } }"), ask("{ viewer { role } }")]);';
  const unreachable = `
    tokens.accessToken = "ended";
    const reach = fetch;
    globalThis.fetch = (url, init) =>
      init.body.includes("refreshSession") ? Promise.reject(new Error("unreachable")) : reach(url, init);
    await ask("{ viewer { role } }").catch(({ message }) => console.log(message));
    globalThis.fetch = reach;
  `;
  const program = `${script}${unreachable}${twice}\nfor (const { data } of both) console.log(JSON.stringify(data));\n`;
  await writeFile(join(sandbox.path, "client.mjs"), program);
  expect(await run([process.execPath, "client.mjs"], options)).toBe(
    `{ viewer: { role: 'ADMIN' } }\nunreachable\n${ADMIN}\n${ADMIN}\n`,
  );
  renewals += 1;
  await expectRenewals();

  if (await isThere("/usr/bin/python3 -c 'import requests'")) {
    const [python] = await codeOf("Python");
    const again =
      'postern.http.headers["authorization"] = "Bearer ended"\nprint(postern.ask("{ viewer { role } }")["data"])\n';
    await writeFile(join(sandbox.path, "client.py"), python + again);
    const line = "{'viewer': {'role': 'ADMIN'}}\n";
    expect(await run(["/usr/bin/python3", "client.py"], options)).toBe(line + line);
    renewals += 1;
    await expectRenewals();
  }

  if (await isThere("command -v curl")) {
    const [first, renew] = await codeOf("curl");
    const noting = `curl() { printf '%s\\n' "$*" >> words; command curl "$@"; }\n`;
    const question = first!
      .split("\n")
      .filter((line) => line.startsWith("post -H"))
      .join("\n");
    expect(question).toContain("viewer");
    expect(await runShell(`${noting}${first}${renew}${question}`, options)).toMatch(
      /^(\{"data":\{"viewer":\{"role":"ADMIN"\}\}\}\s*){2}$/,
    );
    const words = await readFile(join(sandbox.path, "words"), "utf8");
    expect(words.match(/^-sS /gm)).toHaveLength(4);
    for (const secret of [PASSWORD, "refreshToken"]) expect(words, "ps shows them to everybody").not.toContain(secret);
    renewals += 1;
    await expectRenewals();
  }

  const allowed = async (origin: string) => {
    const headers = {
      origin,
      "access-control-request-method": "POST",
      "access-control-request-headers": "content-type",
    };
    const preflight = await fetch(`${url}/graphql`, { method: "OPTIONS", headers });
    return preflight.headers.get("access-control-allow-origin");
  };
  expect(await Promise.all(origins.split(",").map(allowed))).toEqual(origins.split(","));
  expect(await allowed("https://elsewhere.example")).toBeNull();

  const before = await signIn(url, EMAIL, PASSWORD);
  const [restore, restoreInImage] = await codeBelow("runbook.md", "A lost administrator");
  const refused = await runShell(restore!, { cwd: ROOT, env: given }).catch((error) => error);
  expect([refused.code, refused.stdout]).toEqual([
    78,
    expect.stringMatching(
      /^No administrator was created: A new account needs a password, .+ set ADMIN_PASSWORD_FILE to a file .+\n$/,
    ),
  ]);
  await writeFile(join(sandbox.path, "password"), "another password of hers\n", { mode: 0o600 });
  const withFile = { ...given, ADMIN_PASSWORD_FILE: join(sandbox.path, "password") };
  expect(await runShell(restore!, { cwd: ROOT, env: withFile })).toBe(
    `This is an administrator now, and signed out everywhere: ${EMAIL}\n  password: the one you configured\n`,
  );
  const isRefused = () =>
    ask(url, "{ viewer { role } }", before).then(
      ({ viewer }) => viewer === null,
      () => true,
    );
  await eventually(isRefused);
  await expect(signIn(url, EMAIL, PASSWORD)).rejects.toThrow("The e-mail address or the password is wrong");
  const after = await signIn(url, EMAIL, "another password of hers");
  const { auditLogs } = await ask(
    url,
    "{ auditLogs(first: 1) { nodes { action actor resourceId parameters result success } } }",
    after,
  );
  const [ada] = await sql`select id::text, role, version from users where email = ${EMAIL}`;
  expect(ada).toEqual({ id: ada!.id, role: "ADMIN", version: 2 });
  const ended = renewals + 1;
  expect(auditLogs.nodes).toEqual([
    {
      action: "user.update",
      actor: { type: "system", name: "create-admin" },
      resourceId: ada!.id,
      parameters: { email: EMAIL, role: "ADMIN", password: "[redacted]" },
      result: { endedSessions: ended },
      success: true,
    },
  ]);
  // Without an engine: what the image would be given, of which its folder of secrets is another one here.
  const [, folder = "", secrets = ""] = / -v \.\/(\w+):(\S+):ro /.exec(restoreInImage!)!;
  const [, command = ""] = / postern (node \S+)\n$/.exec(restoreInImage!)!;
  await mkdir(join(sandbox.path, folder));
  await writeFile(join(sandbox.path, folder, "database-url"), `${given.DATABASE_URL}\n`);
  await writeFile(join(sandbox.path, folder, "admin-password"), "another password of hers\n");
  const settings = [...restoreInImage!.matchAll(/ -e (\w+)=(\S+)/g)].map(([, name, value]) => [
    name,
    value!.replace(secrets, join(sandbox.path, folder)).replace(EMAIL, "Grace@example.org"),
  ]);
  await runShell(command, { cwd: ROOT, env: { ...given, DATABASE_URL: "", ...Object.fromEntries(settings) } });
  await signIn(url, "grace@example.org", "another password of hers");
  expect(
    await sql`select role from users join audit_logs on resource_id = users.id::text
      where email = 'grace@example.org' and action = 'user.create'`,
  ).toEqual([{ role: "ADMIN" }]);
  postern.kill("SIGTERM");
  expect(await postern.ended()).toBe(0);
});
