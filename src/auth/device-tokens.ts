/** Device tokens: a device that has signed in shows that it is known, so that strangers who guess cannot keep its user out. */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";

const LIFETIME_SECONDS = 90 * 24 * 60 * 60;

/** When it expires, in seconds since the epoch, the id of the device, and the signature. */
const DEVICE_TOKEN = /^(\d{1,12})\.([\w-]{22})\.([\w-]{43})$/;

/** An account as it is now. A change of its password makes its tokens void. */
interface DeviceAccount {
  readonly userId: string;
  readonly passwordHash: string;
}

interface DeviceTokensOptions {
  /** All replicas share it. */
  readonly key: string;
  readonly clock: { now(): Date };
}

export function createDeviceTokens({ key, clock }: DeviceTokensOptions) {
  const nowSeconds = () => Math.floor(clock.now().getTime() / 1000);
  const sign = ({ userId, passwordHash }: DeviceAccount, expiresAt: number, deviceId: string) =>
    createHmac("sha256", key)
      .update(JSON.stringify([userId, passwordHash, expiresAt, deviceId]))
      .digest("base64url");

  return {
    /** @param deviceId the id of a device that is known already @returns a token for the next 90 days */
    issue(account: DeviceAccount, deviceId = randomBytes(16).toString("base64url")): string {
      const expiresAt = nowSeconds() + LIFETIME_SECONDS;
      return `${expiresAt}.${deviceId}.${sign(account, expiresAt, deviceId)}`;
    },

    /** @returns the id of the device, or null where the token is not, or not any more, one of this account */
    verify(token: string, account: DeviceAccount): string | null {
      const [, moment = "", deviceId = "", signature = ""] = DEVICE_TOKEN.exec(token) ?? [];
      const expiresAt = Number(moment);
      if (expiresAt <= nowSeconds() || String(expiresAt) !== moment) return null;
      const expected = sign(account, expiresAt, deviceId);
      return timingSafeEqual(Buffer.from(signature), Buffer.from(expected)) ? deviceId : null;
    },
  };
}
