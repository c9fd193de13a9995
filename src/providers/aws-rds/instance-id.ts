/** The provider's ids of RDS instances: account, region, and what AWS never changes of an instance. */
import type { DBInstance } from "@aws-sdk/client-rds";

const FORM = /^(\d{12})\/([a-z0-9-]+)\/(\S+)$/;

/** @returns the parts of a provider's id, or null where it is none of this provider */
export function parseInstanceId(providerId: string): { accountId: string; region: string; id: string } | null {
  const [, accountId, region, id] = FORM.exec(providerId) ?? [];
  return accountId && region && id ? { accountId, region, id } : null;
}

/** Whether this is a resource id in AWS's own form, which no two instances have. */
export const isOwnResourceId = (id: string): boolean => /^db-[A-Z0-9]{26}$/.test(id);

export const isArnId = (id: string): boolean => id.startsWith("arn:");

/** @returns the resource ids that more than one instance has, as some services that look like RDS say them */
export function sharedResourceIds(instances: readonly DBInstance[]): ReadonlySet<string> {
  const seen = new Set<string>();
  const shared = new Set<string>();
  for (const { DbiResourceId: id } of instances) {
    if (id && seen.has(id)) shared.add(id);
    if (id) seen.add(id);
  }
  return shared;
}

/** Whether an instance shows under two names, as one that is renamed between two pages does: what it is called is not known then. */
export const isSeenTwice = (shared: ReadonlySet<string>): boolean => [...shared].some(isOwnResourceId);

/** @returns the resource id, which a renamed instance keeps; the ARN where there is none of its own; null without either */
export function instanceIdOf(
  { DbiResourceId: id, DBInstanceArn: arn }: Pick<DBInstance, "DbiResourceId" | "DBInstanceArn">,
  shared: ReadonlySet<string>,
): string | null {
  return (id && !shared.has(id) ? id : arn) ?? null;
}
