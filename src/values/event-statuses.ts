/** How what a security event records turned out. */
export const EVENT_STATUSES = ["SUCCESS", "FAILURE", "WARNING"] as const;
export type EventStatus = (typeof EVENT_STATUSES)[number];
