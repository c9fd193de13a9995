/** What is sealed opens with its key, in its place, as it was, and in no other way. */
import { expect, it } from "vitest";
import { createSealing, isSealed, SealingError } from "../../src/auth/sealing.js";
import { makeSecretsKey } from "../../src/values/secrets-key.js";

const [OLD, NEW] = [makeSecretsKey(), makeSecretsKey()];
const SECRET = "a secret, with ümlauts";
const PLACE = "signing_keys.privateKey access-tokens";

function faultOf(work: () => unknown): SealingError {
  try {
    work();
  } catch (error) {
    expect(error).toBeInstanceOf(SealingError);
    expect((error as Error).message).not.toContain(SECRET);
    return error as SealingError;
  }
  throw new Error("it opened");
}

it("opens as it was sealed, and shows nothing until then", () => {
  const sealing = createSealing([OLD]);
  const texts = [sealing.seal(SECRET, PLACE), sealing.seal(SECRET, PLACE)];
  expect(texts[0]).not.toBe(texts[1]);
  for (const text of texts) {
    expect(text).toMatch(/^sealed1\.[0-9a-f]{8}\.[\w-]+$/);
    expect(Buffer.from(text.split(".")[2]!, "base64url").toString("latin1")).not.toContain("secret");
    expect([isSealed(text), sealing.open(text, PLACE)]).toEqual([true, SECRET]);
  }
  expect(isSealed(SECRET)).toBe(false);
  expect(faultOf(() => sealing.open(`${SECRET}.${SECRET}`, PLACE)).kind).toBe("data");
  expect(sealing.open(sealing.seal("", PLACE), PLACE)).toBe("");
});

it("opens with older keys, and seals with the first", () => {
  const [before, now] = [createSealing([OLD]), createSealing([NEW, OLD])];
  expect(now.open(before.seal(SECRET, PLACE), PLACE)).toBe(SECRET);
  expect(now.seal(SECRET, PLACE).startsWith(createSealing([NEW]).prefix)).toBe(true);
  expect(now.keyId).not.toBe(before.keyId);
});

it("does not open without its key, and says which one that is", () => {
  const { kind, message } = faultOf(() => createSealing([NEW]).open(createSealing([OLD]).seal(SECRET, PLACE), PLACE));
  expect(kind).toBe("configuration");
  expect(message).toContain(createSealing([OLD]).keyId);
  expect(message).not.toContain(OLD);
});

it("does not open in another place, nor changed in any byte", () => {
  const sealing = createSealing([OLD]);
  const text = sealing.seal(SECRET, PLACE);
  expect(faultOf(() => sealing.open(text, `${PLACE}-2`)).kind).toBe("data");
  const bytes = Buffer.from(text.slice(sealing.prefix.length), "base64url");
  for (const index of bytes.keys()) {
    const changed = Buffer.from(bytes);
    changed[index]! ^= 1;
    expect(faultOf(() => sealing.open(sealing.prefix + changed.toString("base64url"), PLACE)).kind).toBe("data");
  }
  for (const cut of ["", "AAAA", text.slice(sealing.prefix.length, -4)])
    expect(faultOf(() => sealing.open(sealing.prefix + cut, PLACE)).kind).toBe("data");
});
