/** Where the keys that seal secrets come from: the configuration, or a file that is made once. */
import { mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { loadSecretsKeys } from "../../src/auth/secrets-keys.js";
import { isSecretsKey, makeSecretsKey } from "../../src/values/secrets-key.js";

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "postern-keys-"));
  onTestFinished(() => rm(path, { recursive: true }));
  return path;
}

it("makes one for its user alone, and the same for all who start at once", async () => {
  const path = join(folder(), "not yet there");
  const all = await Promise.all(Array.from({ length: 20 }, () => loadSecretsKeys(undefined, path)));
  const [first] = all;
  expect(all.every((keys) => keys.join() === first!.join())).toBe(true);
  expect(first!.map(isSecretsKey)).toEqual([true]);
  expect(readdirSync(path)).toEqual(["secrets.key"]);
  expect(statSync(join(path, "secrets.key")).mode & 0o777).toBe(0o600);
  expect(readFileSync(join(path, "secrets.key"), "utf8")).toBe(`${first![0]}\n`);
});

it("takes those that are given, makes none then, and reads with the file of before", async () => {
  const [given, older] = [makeSecretsKey(), makeSecretsKey()];
  const path = folder();
  expect(await loadSecretsKeys([given, older], path)).toEqual([given, older]);
  expect(readdirSync(path)).toEqual([]);
  const [kept] = await loadSecretsKeys(undefined, path);
  expect(await loadSecretsKeys([given], path)).toEqual([given, kept]);
});

it.each([
  ["no key", "abc\n"],
  ["nothing", ""],
  ["two keys", `${makeSecretsKey()}\n${makeSecretsKey()}\n`],
])("a file that holds %s ends the start, stays as it is, and is not shown", async (_, text) => {
  const path = folder();
  const file = join(path, "secrets.key");
  writeFileSync(file, text);
  const fault = await loadSecretsKeys(undefined, path).catch((error) => error);
  expect(fault).toMatchObject({ name: "StartFault", kind: "configuration", message: expect.stringContaining(file) });
  if (text) expect(fault.message).not.toContain(text.trim().slice(0, 43));
  expect(readFileSync(file, "utf8")).toBe(text);
});

it("a folder that cannot be made ends the start", async () => {
  const path = join(folder(), "a file", "below");
  writeFileSync(dirname(path), "");
  const fault = await loadSecretsKeys(undefined, path).catch((error) => error);
  expect(fault).toMatchObject({ name: "StartFault", message: expect.stringContaining(path) });
});
