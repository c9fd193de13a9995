/** The outcomes that a security event can record. */
export const EVENT_STATUSES = ["SUCCESS", "FAILURE", "WARNING"] as const;
export type EventStatus = (typeof EVENT_STATUSES)[number];
