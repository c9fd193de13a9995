/** Refresh tokens: 256 random bits. Of them and their successors only hashes are stored. */
import { createHmac, hash, randomBytes } from "node:crypto";

export const newRefreshToken = (): string => randomBytes(32).toString("base64url");

export const hashOfRefreshToken = (refreshToken: string): string => hash("sha256", refreshToken, "hex");

/** @returns the token that follows. It is the same for the same token, so that it need not be stored to be answered again. */
export const successorOfRefreshToken = (refreshToken: string, key: string): string =>
  createHmac("sha256", key).update(refreshToken).digest("base64url");
