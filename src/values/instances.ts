/** The closed lists of words that describe instances, and the tag of those that are simulated. */

/** A primary takes writes, a standby follows it. */
export const MEMBER_ROLES = ["PRIMARY", "STANDBY"] as const;
export type MemberRole = (typeof MEMBER_ROLES)[number];

/** The severities of a finding, the most urgent first. */
export const ALERT_SEVERITIES = ["CRITICAL", "WARNING", "INFO"] as const;
export type AlertSeverity = (typeof ALERT_SEVERITIES)[number];

/** No instance of a real account has this tag. */
export const SIMULATED_TAG = { key: "postern:simulated", value: "true" } as const;
