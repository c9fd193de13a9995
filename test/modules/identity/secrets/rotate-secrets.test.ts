/** What the database keeps secret is sealed in it, and is sealed anew without anybody noticing. */
import { createPrivateKey, hash } from "node:crypto";
import { afterAll, beforeAll, expect, it } from "vitest";
import { loadKeys } from "../../../../src/auth/keys.js";
import { createSealing } from "../../../../src/auth/sealing.js";
import { createClient, type Client as Database } from "../../../../src/db/client.js";
import { makeSecretsKey } from "../../../../src/values/secrets-key.js";
import { type Client, EMAILS, signIn, testApp } from "../../../support/app.js";

const [OLD, NEW] = [makeSecretsKey(), makeSecretsKey()];
const OLD_ID = createSealing([OLD]).keyId;
const NEW_ID = createSealing([NEW]).keyId;
const app = testApp({ SECRETS_KEY: OLD });
let database: Database;

const PURPOSES = ["cursors", "device tokens", "idempotency keys", "rate limits", "refresh tokens"];
const ROTATE = "mutation($input: RotateSecretsInput) { rotateSecrets(input: $input) { keyId resealed } }";
const stored = async (): Promise<string[]> => {
  const rows = await app.sql`
    select private_key as sealed from signing_keys union all select sealed_key from internal_keys order by 1`;
  return rows.map(({ sealed }) => sealed);
};
const load = (secretsKeys: readonly string[], accessTokenPrivateKey?: string) =>
  loadKeys(database.db, { secretsKeys, dataDir: app.folder, accessTokenPrivateKey });

beforeAll(() => {
  database = createClient({ connection: app.sql.options as never, poolSize: 5 });
});
afterAll(() => database.close());

it("keeps none in clear, and of those that start at once all get the same", async () => {
  const found = await stored();
  expect(found).toHaveLength(1 + PURPOSES.length);
  expect(found.every((text) => text.startsWith(`sealed1.${OLD_ID}.`))).toBe(true);
  await app.sql`delete from internal_keys`;
  await app.sql`delete from signing_keys`;
  const all = await Promise.all(Array.from({ length: 5 }, () => load([OLD])));
  const keys = all.map(({ privateKey, internal }) => JSON.stringify([privateKey, internal]));
  expect(new Set(keys).size).toBe(1);
  expect(Object.keys(all[0]!.internal).sort()).toEqual(PURPOSES);
  expect(new Set(Object.values(all[0]!.internal)).size).toBe(PURPOSES.length);
});

it("a key of a release that sealed nothing is sealed, and what was derived from it stays", async () => {
  const { privateKey: pem } = await load([OLD]);
  await app.sql`delete from internal_keys`;
  await app.sql`update signing_keys set private_key = ${pem}`;
  const all = await Promise.all([load([OLD]), load([OLD])]);
  for (const { privateKey, internal } of all)
    expect([privateKey, internal]).toEqual([
      pem,
      Object.fromEntries(PURPOSES.map((purpose) => [purpose, hash("sha256", `${purpose} ${pem}`)])),
    ]);
  expect((await stored()).join()).not.toContain("PRIVATE KEY");
  expect(createPrivateKey(pem).asymmetricKeyType).toBe("ed25519");
});

it("a key that stands in clear is sealed beside one of the configuration too, and keys that were deleted are made anew", async () => {
  const { privateKey: pem, internal } = await load([OLD]);
  await app.sql`update signing_keys set private_key = ${pem}`;
  await load([OLD], pem.replace("-----BEGIN", "\n-----BEGIN"));
  expect((await stored()).every((text) => text.startsWith(`sealed1.${OLD_ID}.`))).toBe(true);
  await app.sql`delete from internal_keys`;
  const anew = await load([OLD]);
  for (const purpose of PURPOSES as (keyof typeof internal)[]) {
    expect(anew.internal[purpose]).not.toBe(internal[purpose]);
    expect(anew.internal[purpose]).not.toBe(hash("sha256", `${purpose} ${pem}`));
  }
});

it("the key of the configuration signs, and one that is replaced there breaks no page", async () => {
  const { privateKey: pem, internal } = await load([OLD]);
  const other = await load([OLD], pem.replace("-----BEGIN", "\n-----BEGIN"));
  expect(other.internal).toEqual(internal);
  expect(other.privateKey).not.toBe(pem);
});

it("a start without the key ends and says which one, and changes nothing", async () => {
  const before = await stored();
  const fault = await load([NEW]).catch((error) => error);
  expect(fault).toMatchObject({ name: "StartFault", kind: "configuration", message: expect.stringContaining(OLD_ID) });
  expect(await stored()).toEqual(before);
});

it("all is sealed with the new key: tokens, cursors and replicas go on, and the old key is needed no more", async () => {
  // What the tests above have made counts from here on.
  const old = await app.replica(undefined, { SECRETS_KEY: `${OLD},${NEW}` });
  const { accessToken: token } = await signIn(old.as(null), EMAILS.admin);
  const page = (client: Client, after?: string) =>
    client.run("query($after: String) { scans(first: 2, after: $after) { pageInfo { endCursor } nodes { id } } }", {
      after,
    });
  const { data } = await page(old.as(token));
  const cursor = data.scans.pageInfo.endCursor;

  const replica = await app.replica(undefined, { SECRETS_KEY: `${NEW},${OLD}` });
  const admin = replica.as(token);
  const before = await stored();
  const refused = await old.as(token).run(ROTATE, { input: { keyId: NEW_ID } });
  expect([refused.status, refused.code]).toEqual([409, "FAILED_PRECONDITION"]);
  expect(refused.errors![0]!.message).toContain(OLD_ID);
  expect(await stored()).toEqual(before);

  const both = await Promise.all([1, 2].map(() => admin.run(ROTATE, { input: { keyId: NEW_ID } })));
  expect(both.map(({ code }) => code)).toEqual([undefined, undefined]);
  const resealed = both.map(({ data }) => data.rotateSecrets.resealed as number);
  expect(resealed[0]! + resealed[1]!).toBe(before.length);
  expect((await stored()).every((text) => text.startsWith(`sealed1.${NEW_ID}.`))).toBe(true);
  expect((await admin.run(ROTATE)).data.rotateSecrets).toEqual({ keyId: NEW_ID, resealed: 0 });
  const records = await app.sql`select success, result from audit_logs where action = 'secret.rotate' order by id`;
  expect(records.map(({ success }) => success)).toEqual([false, true, true, true]);

  const fresh = await app.replica(undefined, { SECRETS_KEY: NEW });
  for (const client of [fresh.as(token), old.as(token)]) {
    const { data: next, code } = await page(client, cursor);
    expect([code, next?.scans.nodes.length]).toEqual([undefined, 2]);
  }
  const [text] = await stored();
  for (const { msg, ...line } of app.log) expect(JSON.stringify([msg, line])).not.toContain(text);
  for (const key of [OLD, NEW]) expect(JSON.stringify(app.log)).not.toContain(key);
});

it("a secret that was copied into another row, or changed, ends the next start and is left as it is", async () => {
  const [row] = await app.sql`select sealed_key as sealed from internal_keys where purpose = 'cursors'`;
  await app.sql`update internal_keys set sealed_key = ${row!.sealed} where purpose = 'rate limits'`;
  const before = await stored();
  const fault = await load([NEW]).catch((error) => error);
  expect(fault).toMatchObject({ name: "StartFault", kind: "data", message: expect.stringContaining("rate limits") });
  expect(await stored()).toEqual(before);
});
