/** The credentials of an account: those of the default chain, or a session of the account's role, renewed before it ends. */
import { AssumeRoleCommand, STSClient } from "@aws-sdk/client-sts";
import { fromNodeProviderChain } from "@aws-sdk/credential-providers";
import type { NodeHttpHandler } from "@smithy/node-http-handler";
import type { AwsAccountSettings } from "./aws-rds.variables.js";
import { awsCodeOf, isExpiredCode } from "./refusals.js";

export type AwsCredentials = Awaited<ReturnType<ReturnType<typeof fromNodeProviderChain>>>;

/** As the AWS SDK takes them, which keeps no copy of what is marked as memoized. */
export interface AwsCredentialsSource {
  (): Promise<AwsCredentials>;
  readonly memoized: true;
  /** @returns a number that grows whenever there are other credentials */
  generation(): number;
  /** Forgets what AWS says has ended, so that the next call gets other ones; not those that are newer than this generation. */
  forget(generation: number): void;
  /** @returns the values that nobody may read, of the credentials that were handed out last */
  secrets(): readonly string[];
}

/** Asks once more with other credentials where AWS says that these have ended: it has done nothing then. */
export async function withRenewedCredentials<T>(ask: () => Promise<T>, credentials: AwsCredentialsSource): Promise<T> {
  const used = credentials.generation();
  try {
    return await ask();
  } catch (error) {
    if (!isExpiredCode(awsCodeOf(error))) throw error;
    credentials.forget(used);
    return ask();
  }
}

const SESSION_SECONDS = 3600;
/** A session is renewed so long before its end; until then the old one serves where a renewal fails. */
const RENEW_MS = 5 * 60_000;
/** AWS may still speak of credentials that were renewed meanwhile. */
const MAX_SECRETS = 30;

/** Keeps what `get` answers until it nears its end. One call at a time asks for more. */
function keeping(get: () => Promise<AwsCredentials>, nowMs: () => number): AwsCredentialsSource {
  let kept: AwsCredentials | null = null;
  let generation = 0;
  let asking: Promise<AwsCredentials> | null = null;
  let secrets: readonly string[] = [];
  const leftMs = () => (kept?.expiration ? kept.expiration.getTime() - nowMs() : Number.POSITIVE_INFINITY);
  const renew = async () => {
    asking ??= get()
      .then((renewed) => {
        generation += 1;
        kept = renewed;
        const own = [
          renewed.accessKeyId,
          renewed.secretAccessKey,
          ...(renewed.sessionToken ? [renewed.sessionToken] : []),
        ];
        secrets = [...own, ...secrets].slice(0, MAX_SECRETS);
        return renewed;
      })
      // Whatever was to be signed with them was not sent.
      .catch((error) => Promise.reject(Object.assign(error, { isUnsent: true })))
      .finally(() => (asking = null));
    return asking;
  };
  const source = async () => {
    if (!kept) return renew();
    if (leftMs() > RENEW_MS) return kept;
    const old = kept;
    return renew().catch((error) => (leftMs() > 0 ? old : Promise.reject(error)));
  };
  return Object.assign(source, {
    memoized: true as const,
    generation: () => generation,
    secrets: () => secrets,
    forget: (used: number) => {
      if (used === generation) kept = null;
    },
  });
}

/** @returns credentials that stay as they are */
export const fixedCredentials = (credentials: AwsCredentials): AwsCredentialsSource =>
  keeping(
    async () => credentials,
    () => 0,
  );

/** @returns the credentials that any AWS program would find: variables, files, web identity, the container or the machine */
export function defaultCredentials(requestHandler: NodeHttpHandler, nowMs: () => number): AwsCredentialsSource {
  // Each time another chain, and files read anew, because both are kept.
  return keeping(() => fromNodeProviderChain({ clientConfig: { requestHandler }, ignoreCache: true })(), nowMs);
}

/** @returns a session of the account's role, or the own credentials where it has none */
export function accountCredentials(
  { accountId, regions, roleArn, externalId }: AwsAccountSettings,
  own: AwsCredentialsSource,
  clientSettings: { readonly requestHandler: NodeHttpHandler; readonly endpoint?: string },
  nowMs: () => number,
): AwsCredentialsSource {
  if (roleArn === undefined) return own;
  const sts = new STSClient({ region: regions[0]!, credentials: own, ...clientSettings });
  const command = {
    RoleArn: roleArn,
    RoleSessionName: "postern",
    DurationSeconds: SESSION_SECONDS,
    ...(externalId !== undefined && { ExternalId: externalId }),
  };
  return keeping(async () => {
    const assume = () => sts.send(new AssumeRoleCommand(command));
    const { Credentials: session } = await withRenewedCredentials(assume, own);
    if (!session?.AccessKeyId || !session.SecretAccessKey || !session.SessionToken)
      throw new SyntaxError(`AssumeRole for the account ${accountId} has no credentials in its answer.`);
    return {
      accessKeyId: session.AccessKeyId,
      secretAccessKey: session.SecretAccessKey,
      sessionToken: session.SessionToken,
      ...(session.Expiration && { expiration: session.Expiration }),
    };
  }, nowMs);
}
