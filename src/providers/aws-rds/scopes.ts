/** An account in one region as AWS is asked there: its clients, its credentials, and pages to their end. */
import { RDSClient } from "@aws-sdk/client-rds";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { ProxyAgent } from "proxy-agent";
import type { ProviderScope, ScopeListing } from "../provider.js";
import type { AwsAccountSettings } from "./aws-rds.variables.js";
import {
  type AwsCredentials,
  accountCredentials,
  defaultCredentials,
  fixedCredentials,
  withRenewedCredentials,
} from "./credentials.js";
import { asUnavailable, notAnAnswer } from "./refusals.js";

/** Long enough for AWS on a bad day. An operation whose answer is not there by then is looked for. */
const ANSWER_MS = 20_000;
const CONNECT_MS = 5_000;
export const PAGE_SIZE = 100;
const MAX_PAGES = 1000;

type Ask<T> = (client: RDSClient) => Promise<T>;

export interface AwsScope extends ProviderScope {
  readonly region: string;
  /** Asks something that may be asked again: the SDK does so where AWS is busy or away. @throws UNAVAILABLE, or what AWS refuses by name */
  read<T>(ask: Ask<T>): Promise<T>;
  /** Asks for a change, once. @throws what the SDK throws, because only that tells whether it may have been done */
  change<T>(ask: Ask<T>): Promise<T>;
}

/** Takes secrets out of the texts of a fault, in which whoever answers may repeat what it was asked with. */
function withoutSecrets(error: unknown, secrets: readonly string[]): unknown {
  const fault = error as { message?: unknown; Code?: unknown };
  const written = secrets.flatMap((secret) => [secret, encodeURIComponent(secret)]);
  for (const name of ["message", "Code"] as const) {
    const text = fault[name];
    if (typeof text === "string")
      fault[name] = written.reduce((text, secret) => text.replaceAll(secret, "(a secret)"), text);
  }
  return error;
}

export interface AwsScopesOptions {
  readonly accounts: readonly AwsAccountSettings[];
  readonly clock: { now(): Date };
  /** Where something stands in for AWS, with the key that it takes; without it the SDK finds both by itself. */
  readonly standIn?: { readonly url: string; readonly credentials: AwsCredentials } | undefined;
}

/** @returns every account in each of its regions. Nothing is asked yet */
export function createAwsScopes({ accounts, clock, standIn }: AwsScopesOptions): AwsScope[] {
  const nowMs = () => clock.now().getTime();
  // It finds HTTPS_PROXY and NO_PROXY by itself. A stand-in is on this host.
  const direct = standIn && { getProxyForUrl: () => "" };
  const agent = new ProxyAgent({ keepAlive: true, maxSockets: 50, ...direct });
  const requestHandler = new NodeHttpHandler({
    httpAgent: agent,
    httpsAgent: agent as never,
    connectionTimeout: CONNECT_MS,
    requestTimeout: ANSWER_MS,
    throwOnRequestTimeout: true,
  });
  const shared = { requestHandler, ...(standIn && { endpoint: standIn.url }) };
  const own = standIn ? fixedCredentials(standIn.credentials) : defaultCredentials(requestHandler, nowMs);
  return accounts.flatMap((account) => {
    const { accountId, name } = account;
    const credentials = accountCredentials(account, own, shared, nowMs);
    const asked = <T>(ask: () => Promise<T>) =>
      withRenewedCredentials(ask, credentials).catch((error) => {
        const secrets = [
          ...own.secrets(),
          ...credentials.secrets(),
          ...(account.externalId ? [account.externalId] : []),
        ];
        throw withoutSecrets(error, secrets);
      });
    return account.regions.map((region): AwsScope => {
      const settings = { ...shared, region, credentials };
      const [reader, changer] = [new RDSClient(settings), new RDSClient({ ...settings, maxAttempts: 1 })];
      return {
        accountId,
        name,
        region,
        read: (ask) => asked(() => ask(reader)).catch((error) => Promise.reject(asUnavailable(error, accountId))),
        change: (ask) => asked(() => ask(changer)),
      };
    });
  });
}

/** What a page is asked with. */
interface PageRequest {
  readonly MaxRecords: number;
  readonly Marker: string | undefined;
}

/** How a page is asked for. */
interface PageOptions {
  readonly abortSignal?: AbortSignal;
}

/**
 * Asks for pages until there is none left, or nobody waits for them any more.
 * @param itemsOf finds the items of a page. A page without them is not of AWS: it would look like the end @throws UNAVAILABLE
 */
export async function listPages<P extends { readonly Marker?: string | undefined }, T>(
  scope: AwsScope,
  ask: (client: RDSClient, page: PageRequest, options: PageOptions) => Promise<P>,
  itemsOf: (page: P) => T[] | undefined,
  { onCall, signal }: ScopeListing = {},
): Promise<T[]> {
  const all: T[] = [];
  let marker: string | undefined;
  for (let pages = 0; pages < MAX_PAGES; pages += 1) {
    signal?.throwIfAborted();
    onCall?.();
    const page = await scope.read((client) =>
      ask(client, { MaxRecords: PAGE_SIZE, Marker: marker }, signal ? { abortSignal: signal } : {}),
    );
    const items = itemsOf(page);
    if (!items || (page.Marker && page.Marker === marker)) throw notAnAnswer(scope.accountId);
    all.push(...items);
    if (!page.Marker) return all;
    marker = page.Marker;
  }
  throw notAnAnswer(scope.accountId);
}
