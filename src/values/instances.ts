/** The closed lists of words that describe instances. */

/** A primary takes writes, a standby follows it. */
export const MEMBER_ROLES = ["PRIMARY", "STANDBY"] as const;
export type MemberRole = (typeof MEMBER_ROLES)[number];

/** The severities of a finding, the most urgent first. */
export const ALERT_SEVERITIES = ["CRITICAL", "WARNING", "INFO"] as const;
export type AlertSeverity = (typeof ALERT_SEVERITIES)[number];
