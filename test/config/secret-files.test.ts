/** Secrets that are given as files: what is taken, and what is refused without a word of what stands in the file. */
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { ConfigError, readConfig, SECRET_VARIABLES } from "../../src/config.js";
import { makeSecretsKey } from "../../src/values/secrets-key.js";
import { isRoot } from "../support/sandbox.js";

const folder = mkdtempSync(join(tmpdir(), "postern-test-"));
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
function file(content: string | Uint8Array): string {
  const path = join(folder, `secret-${files++}`);
  writeFileSync(path, content);
  return path;
}

function faultsOf(environment: Record<string, string>): string[] {
  try {
    readConfig(environment);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as Error).message.split("\n");
  }
  throw new Error("accepted");
}

const SECRETS_KEY = makeSecretsKey();
const KEY = "-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----";

it("takes each secret from its file, without the newline at its end", () => {
  const values: Record<string, string> = {
    DATABASE_URL: "postgres://postern:of-a-file@db/postern",
    ADMIN_PASSWORD: " four random words\n",
    DEMO_PASSWORD: "other random words",
    ACCESS_TOKEN_PRIVATE_KEY: KEY,
    SECRETS_KEY,
    REDIS_URL: "redis://:secret@redis.example:6379",
  };
  expect(Object.keys(values)).toEqual(SECRET_VARIABLES);
  const newlines = ["\n", "\n", "\r\n", "", "\n", "\n"];
  const given = Object.entries(values).map(([name, value], n) => [`${name}_FILE`, file(`${value}${newlines[n]}`)]);
  expect(readConfig(Object.fromEntries(given))).toMatchObject({
    databaseUrl: values.DATABASE_URL,
    admin: { password: " four random words\n" },
    demo: { password: "other random words", seed: false },
    accessTokenPrivateKey: KEY,
    secretsKeys: [SECRETS_KEY],
    redisUrl: values.REDIS_URL,
  });
});

it("follows links, as the secrets of Kubernetes are", () => {
  symlinkSync(file("four random words"), join(folder, "link"));
  expect(readConfig({ ADMIN_PASSWORD_FILE: join(folder, "link") }).admin.password).toBe("four random words");
});

it("takes an empty name for absence, and what is no secret from no file", () => {
  expect(readConfig({ ADMIN_PASSWORD_FILE: "", ADMIN_PASSWORD: "four random words" }).admin.password).toBe(
    "four random words",
  );
  expect(readConfig({ HOST_FILE: file("::1") }).host).toBe("127.0.0.1");
});

describe("refuses", () => {
  const pipe = join(folder, "pipe");
  const closed = join(folder, "closed");
  const circle = join(folder, "circle");
  execFileSync("mkfifo", [pipe]);
  mkdirSync(closed, { mode: 0o000 });
  chmodSync(closed, 0o000);
  symlinkSync(circle, circle);
  const LIMIT = "x".repeat(16_384);

  it.each([
    ["no file", join(folder, "none"), "cannot be read: there is no such file"],
    ["what is below a file", join(file("x"), "none"), "cannot be read: there is no such file"],
    ["a circle of links", circle, "cannot be read: the file is a circle of links"],
    ["a path that is too long", join(folder, LIMIT), "cannot be read: ENAMETOOLONG"],
    ["a path with a zero", `${folder}\0`, "cannot be read: ERR_INVALID_ARG_VALUE"],
    ["a folder", folder, "names something that is no file"],
    ["a pipe that nobody writes to", pipe, "names something that is no file"],
    ["a device without an end", "/dev/zero", "names something that is no file"],
    ["an empty file", file(""), "names a file that is empty"],
    ["a newline alone", file("\n"), "names a file that is empty"],
    ["a file that is too large", file(`${LIMIT}x`), "names a file of more than 16384 bytes"],
    ["no text", file(Uint8Array.of(0xc3, 0x28, 0x41)), "names a file that is no text in UTF-8"],
  ])("%s", (_, path, fault) => {
    expect(faultsOf({ ADMIN_PASSWORD_FILE: path })).toEqual([`ADMIN_PASSWORD_FILE: ${fault}`]);
  });

  it.runIf(!isRoot)("a file that this user may not read", () => {
    expect(faultsOf({ ADMIN_PASSWORD_FILE: join(closed, "secret") })).toEqual([
      "ADMIN_PASSWORD_FILE: cannot be read: this user may not read the file",
    ]);
  });

  it("a secret that is given twice, and names all faults at once", () => {
    const faults = faultsOf({
      ADMIN_PASSWORD_FILE: file("four random words"),
      ADMIN_PASSWORD: "other random words",
      DEMO_PASSWORD_FILE: join(folder, "none"),
      PORT: "high",
    });
    expect(faults).toEqual([
      "ADMIN_PASSWORD_FILE: is given beside ADMIN_PASSWORD: leave out one of them",
      "DEMO_PASSWORD_FILE: cannot be read: there is no such file",
      expect.stringMatching(/^PORT: /),
    ]);
  });

  it.each([
    ["DATABASE_URL", "mysql://a-secret@db/postern"],
    ["ADMIN_PASSWORD", "a-secret"],
    ["DEMO_PASSWORD", "a-secret".repeat(20)],
    ["ACCESS_TOKEN_PRIVATE_KEY", "a-secret"],
    ["SECRETS_KEY", "a-secret"],
  ])("what is no %s, and gives none of it away", (name, value) => {
    const faults = faultsOf({ [`${name}_FILE`]: file(`${value}\n`) });
    expect(faults).toEqual([expect.stringMatching(`^${name}_FILE: .+`)]);
    expect(faults[0]).not.toContain("a-secret");
  });
});
