/** The accounts, the keys of their callers, and the sessions of their roles. */
import { randomBytes } from "node:crypto";
import { AwsFault } from "./aws-fault.js";
import type { Timeline } from "./timeline.js";

/** A role of an account that callers of any account of the double may assume. */
export interface AwsRole {
  readonly name: string;
  /** What callers must send with AssumeRole; without it nothing is asked. */
  readonly externalId?: string;
  /** 3600 where it is absent. */
  readonly maxSessionSeconds?: number;
}

export interface AwsAccount {
  /** 12 digits. */
  readonly id: string;
  readonly roles?: readonly AwsRole[];
}

export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** Who signed a request. */
export interface AwsCaller {
  readonly accountId: string;
  readonly arn: string;
  readonly userId: string;
  /** Whether the caller has a role's session, and no key of its own. */
  readonly isSession: boolean;
}

interface Key extends AwsCaller {
  readonly secretAccessKey: string;
  readonly sessionToken: string | undefined;
  readonly expiresAt: number;
}

const MAX_SESSIONS = 10_000;
const INVALID = "The security token included in the request is invalid.";

/** @returns capital letters and digits, as AWS's identifiers have them */
export const awsIdentifier = (prefix: string, length: number) =>
  prefix + [...randomBytes(length)].map((byte) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[byte % 32]).join("");

export interface AwsCallers {
  /** The keys of the user `postern` of an account. */
  credentialsOf(accountId: string): AwsCredentials;
  /** @returns the role, or null where it does not exist */
  findRole(accountId: string, name: string): AwsRole | null;
  openSession(accountId: string, role: string, sessionName: string, seconds: number): AwsCredentials & AwsCaller;
  /** Ends all sessions of roles in an account, as if their time were over. */
  expireSessions(accountId: string): void;
  /** @returns the caller and the secret that the signature is checked with @throws InvalidClientTokenId, ExpiredToken */
  find(accessKeyId: string, sessionToken: string | undefined): AwsCaller & { readonly secretAccessKey: string };
}

export function createAwsCallers(accounts: readonly AwsAccount[], timeline: Timeline): AwsCallers {
  const keys = new Map<string, Key>();
  const users = new Map<string, AwsCredentials>();
  for (const { id } of accounts) {
    const accessKeyId = awsIdentifier("AKIA", 16);
    const secretAccessKey = randomBytes(30).toString("base64");
    users.set(id, { accessKeyId, secretAccessKey });
    keys.set(accessKeyId, {
      accountId: id,
      arn: `arn:aws:iam::${id}:user/postern`,
      userId: awsIdentifier("AIDA", 17),
      isSession: false,
      secretAccessKey,
      sessionToken: undefined,
      expiresAt: Number.POSITIVE_INFINITY,
    });
  }
  let sessions = 0;

  return {
    credentialsOf(accountId) {
      const credentials = users.get(accountId);
      if (!credentials) throw new Error(`The double has no account ${accountId}.`);
      return credentials;
    },
    findRole: (accountId, name) =>
      accounts.find(({ id }) => id === accountId)?.roles?.find((role) => role.name === name) ?? null,
    openSession(accountId, role, sessionName, seconds) {
      // Those that ended long ago are forgotten, so that a caller who asks for ever does not fill the memory.
      if (++sessions % 100 === 0 || keys.size > MAX_SESSIONS)
        for (const [id, { expiresAt }] of keys) if (expiresAt + 86_400_000 < timeline.now()) keys.delete(id);
      if (keys.size > MAX_SESSIONS) throw new AwsFault("Throttling", "Rate exceeded");
      const accessKeyId = awsIdentifier("ASIA", 16);
      const session = {
        accountId,
        arn: `arn:aws:sts::${accountId}:assumed-role/${role}/${sessionName}`,
        userId: `${awsIdentifier("AROA", 17)}:${sessionName}`,
        isSession: true,
        secretAccessKey: randomBytes(30).toString("base64"),
        sessionToken: randomBytes(180).toString("base64"),
      };
      keys.set(accessKeyId, { ...session, expiresAt: timeline.now() + seconds * 1000 });
      return { accessKeyId, ...session };
    },
    expireSessions(accountId) {
      for (const [id, key] of keys)
        if (key.isSession && key.accountId === accountId) keys.set(id, { ...key, expiresAt: timeline.now() });
    },
    find(accessKeyId, sessionToken) {
      const key = keys.get(accessKeyId);
      if (!key || key.sessionToken !== sessionToken) throw new AwsFault("InvalidClientTokenId", INVALID, 403);
      if (key.expiresAt <= timeline.now())
        throw new AwsFault("ExpiredToken", "The security token included in the request is expired", 403);
      return key;
    },
  };
}
