/** What a key of AES-256 looks like as text. */
import { randomBytes } from "node:crypto";

const BYTES = 32;

/** @returns whether a text is a key: 32 bytes in base64, as `openssl rand -base64 32` writes them */
export const isSecretsKey = (text: string): boolean => {
  const bytes = Buffer.from(text, "base64");
  return bytes.length === BYTES && bytes.toString("base64") === text;
};

export const makeSecretsKey = (): string => randomBytes(BYTES).toString("base64");
