/** Words of closed lists in which instances are described. */

/** Who takes writes, and who follows. */
export const MEMBER_ROLES = ["PRIMARY", "STANDBY"] as const;
export type MemberRole = (typeof MEMBER_ROLES)[number];

/** How urgent a finding is, the most urgent first. */
export const ALERT_SEVERITIES = ["CRITICAL", "WARNING", "INFO"] as const;
export type AlertSeverity = (typeof ALERT_SEVERITIES)[number];
