/** The names that RDS allows for instances and snapshots: letters, digits and single hyphens, beginning with a letter, not ending with a hyphen. */
const identifierOf = (maxLength: number) => new RegExp(`^(?!.*--)(?!.*-$)[A-Za-z][A-Za-z0-9-]{0,${maxLength - 1}}$`);

/** PostgreSQL clusters on this host follow the same rule. */
export const INSTANCE_IDENTIFIER = identifierOf(63);

export const MAX_SNAPSHOT_IDENTIFIER = 255;
export const SNAPSHOT_IDENTIFIER = identifierOf(MAX_SNAPSHOT_IDENTIFIER);

/** The most characters of what a client gives in place of an instance's id: its identifier or its ARN. */
export const MAX_INPUT_IDENTIFIER = 255;
