/** Judges whether somebody knows the password of an account: who signs in, and who changes their password. */
import type { CallOrigin } from "../../../audit/call.js";
import type { RecordedEvent, SecurityService } from "../../../audit/index.js";
import { createDeviceTokens } from "../../../auth/device-tokens.js";
import { verifyPassword } from "../../../auth/passwords.js";
import type { Db } from "../../../db/client.js";
import type { Attempts } from "../../../rate-limits/index.js";
import { currentCaller } from "../../../values/caller.js";
import { judgeLockout, type Lockout, NO_LOCKOUT } from "./lockout.js";
import { lockPasswordAccount, type PasswordAccount, updateLockout } from "./password-attempts.store.js";

/** A name of OWASP's Logging Vocabulary. */
const LOCKED = { eventType: "authn_login_lock", eventStatus: "WARNING" } as const;

const describeLock = ({ lockedUntilMs, locksInARow }: Lockout) => ({
  lockedUntil: new Date(lockedUntilMs ?? 0).toISOString(),
  locksInARow,
});

export interface PasswordAttemptsDeps {
  readonly db: Db;
  readonly clock: { now(): Date };
  readonly attempts: Pick<Attempts, "counted">;
  readonly security: Pick<SecurityService, "record">;
  /** The key that signs device tokens; all replicas share it. */
  readonly deviceKey: string;
}

interface PasswordAttempt {
  /** Finds the account, or none. */
  readonly find: () => Promise<PasswordAccount>;
  /** The address that the attempt counts for. */
  readonly email: string;
  readonly password: string;
  readonly deviceToken?: string | null | undefined;
  /** The signed-in user who tries, by name; a stranger where it is absent. */
  readonly by?: string;
  /** The event of a refusal. */
  readonly refusal: Omit<RecordedEvent, "userId" | "origin">;
}

/** The account whose password was right. */
interface PassedAttempt {
  readonly userId: string;
  readonly passwordHash: string;
  /** @param passwordHash the hash that the account has from now on @returns a token for the device, known or not */
  issueDeviceToken(passwordHash: string): string;
}

export type PasswordAttempts = ReturnType<typeof createPasswordAttempts>;

export function createPasswordAttempts({ db, clock, attempts, security, deviceKey }: PasswordAttemptsDeps) {
  const devices = createDeviceTokens({ key: deviceKey, clock });

  /** The device, where its token is good for this account. */
  const deviceOf = (deviceToken: string, { userId, passwordHash }: PasswordAccount): string | null =>
    userId === null || passwordHash === null ? null : devices.verify(deviceToken, { userId, passwordHash });

  /**
   * Whatever the cause of a refusal, it takes the same statements and the same hashing, so that nobody learns which accounts there are and
   * how they are.
   * @param prepare runs whether the password is right or not, and returns what is done in the transaction if it is
   * @returns what that returns; null where the attempt is refused
   * @throws RATE_LIMITED before anything is hashed, UNAVAILABLE
   */
  return async function attempt<T extends object>(
    given: PasswordAttempt,
    origin: CallOrigin,
    prepare: () => Promise<(db: Db, passed: PassedAttempt) => Promise<T>>,
  ): Promise<T | null> {
    const { find, email, password, deviceToken, by, refusal } = given;
    // Only who shows a device has the account looked up before the attempt is counted.
    const found = deviceToken ? await find() : null;
    const deviceId = deviceToken && found ? deviceOf(deviceToken, found) : null;
    return attempts.counted(
      deviceId === null ? { account: email } : { device: deviceId },
      origin,
      async ({ failures, refuse }) => {
        const account = found ?? (await find());
        const { userId, passwordHash } = account;
        const known = deviceId === null ? by : `device ${deviceId}`;
        const party = known === undefined ? { name: currentCaller().name, failures } : { name: known, failures: 0 };
        const isSame = await verifyPassword(passwordHash, password, party);
        const finish = await prepare();
        return db.transaction(async (db) => {
          const locked = await lockPasswordAccount(db, account);
          const isRight = isSame && locked?.isOpen === true;
          const before = locked ?? NO_LOCKOUT;
          // A known device neither counts for the account nor waits for its lock: it has a count of its own.
          const judged =
            deviceId === null
              ? judgeLockout(before, isRight, clock.now().getTime())
              : { lockout: before, passes: isRight, begins: false };
          await updateLockout(db, userId, judged.lockout);
          if (judged.passes && userId !== null && passwordHash !== null) {
            const issueDeviceToken = (hash: string) =>
              devices.issue({ userId, passwordHash: hash }, deviceId ?? undefined);
            return finish(db, { userId, passwordHash, issueDeviceToken });
          }
          refuse();
          const failed: RecordedEvent = { ...refusal, userId: locked && userId, origin };
          const { begins, lockout } = judged;
          // A failure and its record are one change, so that a crash loses neither, and each cause of a refusal writes once.
          await security.record(
            db,
            failed,
            ...(begins ? [{ ...failed, ...LOCKED, metadata: describeLock(lockout) }] : []),
          );
          return null;
        });
      },
    );
  };
}
