/** The provider aws-rds with the double of AWS behind it, and a clock that both go by. */
import { pino } from "pino";
import type { AwsAccountSettings } from "../../src/providers/aws-rds/aws-rds.variables.js";
import { createAwsRdsProvider } from "../../src/providers/aws-rds.js";
import type { InstanceDescription, Provider, ProviderScope } from "../../src/providers/provider.js";
import { type AwsDouble, startAwsDouble } from "../../src/seed/aws-double/aws-double.js";

export const ACCOUNT = "111122223333";
export const OTHER_ACCOUNT = "444455556666";
export const REGION = "eu-central-1";
export const EXTERNAL_ID = "postern-external-id-7f3";

/** The role of Postern in an account, as the double knows it. */
const ROLE = { name: "postern", externalId: EXTERNAL_ID };
export const roleOf = (accountId: string): Pick<AwsAccountSettings, "roleArn" | "externalId"> => ({
  roleArn: `arn:aws:iam::${accountId}:role/${ROLE.name}`,
  externalId: EXTERNAL_ID,
});

export const ACCOUNTS: readonly AwsAccountSettings[] = [
  { accountId: ACCOUNT, name: "main", regions: [REGION, "us-east-1"] },
  { accountId: OTHER_ACCOUNT, name: null, regions: [REGION], ...roleOf(OTHER_ACCOUNT) },
];

export interface UnderAws {
  readonly aws: AwsDouble;
  /** The lines that the provider has logged. */
  readonly lines: string[];
  /** Another provider of the same accounts, as after a restart. */
  open(): Provider;
}

/** Starts a double with two accounts. Its clock stands, until a test advances it. */
export async function startAws(accounts = ACCOUNTS): Promise<UnderAws> {
  const began = new Date();
  const aws = await startAwsDouble({
    accounts: accounts.map(({ accountId, roleArn }) => ({ id: accountId, ...(roleArn && { roles: [ROLE] }) })),
    clock: { now: () => began },
  });
  const lines: string[] = [];
  const log = pino({ level: "trace" }, { write: (line) => void lines.push(line) });
  const standIn = { url: aws.url, credentials: aws.credentials };
  const open = () => createAwsRdsProvider({ accounts, clock: aws.clock, log, standIn, random: () => 0 });
  return { aws, lines, open };
}

/** @returns a scope of the provider; the first unless another is named */
export const scopeOf = ({ scopes }: Provider, accountId = ACCOUNT, region = REGION): ProviderScope =>
  scopes.find((scope) => scope.accountId === accountId && scope.region === region)!;

export async function instanceNamed(provider: Provider, identifier: string): Promise<InstanceDescription> {
  return (await provider.list(scopeOf(provider))).find((instance) => instance.identifier === identifier)!;
}
