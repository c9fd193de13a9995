/** How passwords are hashed and compared. */
import { randomBytes } from "node:crypto";
import { hash, verify } from "@node-rs/argon2";
import { type HashingParty, hashInTurn } from "./hashing-queue.js";
import { canonicalPassword } from "./password-policy.js";

/** OWASP's parameters for argon2id, which is the library's default algorithm: 19 MiB, two passes, one lane. */
const ARGON2ID = { memoryCost: 19 * 1024, timeCost: 2, parallelism: 1 };

/** @returns the argon2id hash, salt and parameters included @throws UNAVAILABLE when too many wait */
export const hashPassword = (password: string): Promise<string> =>
  hashInTurn(() => hash(canonicalPassword(password), ARGON2ID));

/** Compared where there is no password, so that the time does not tell whether there is one. Nobody knows the password of this one. */
const decoyHash = hashPassword(randomBytes(32).toString("hex"));

/**
 * @param passwordHash null where there is no such account, or it has no password; this takes as long, and is never true
 * @param party who tries, where that is not the caller alone
 * @throws UNAVAILABLE when too many wait
 */
export async function verifyPassword(
  passwordHash: string | null,
  password: string,
  party?: HashingParty,
): Promise<boolean> {
  const comparedHash = passwordHash ?? (await decoyHash);
  const matches = await hashInTurn(() => verify(comparedHash, canonicalPassword(password)), party);
  return matches && passwordHash !== null;
}
