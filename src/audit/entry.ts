/** What the audit record of a change says, but for the rows that it changed. */
export interface AuditEntry {
  readonly userId: string | null;
  readonly actor: object;
  readonly action: string;
  readonly resourceType: string;
  /** Where it is not the changed row. */
  readonly resourceId: string | null;
  readonly parameters: unknown;
  readonly result: unknown;
  /** Until now. */
  readonly durationSeconds: number | null;
  readonly requestId: string | null;
}
