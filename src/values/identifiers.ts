/** What instances and snapshots may be called, as RDS has it: letters, digits and single hyphens, a letter first and no hyphen last. */
const identifierOf = (maxLength: number) => new RegExp(`^(?!.*--)(?!.*-$)[A-Za-z][A-Za-z0-9-]{0,${maxLength - 1}}$`);

/** PostgreSQL clusters of this host may be called so too. */
export const INSTANCE_IDENTIFIER = identifierOf(63);

export const MAX_SNAPSHOT_IDENTIFIER = 255;
export const SNAPSHOT_IDENTIFIER = identifierOf(MAX_SNAPSHOT_IDENTIFIER);
