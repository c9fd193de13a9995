/** The audit record of a change, without the rows that it changes. */
export interface AuditEntry {
  readonly userId: string | null;
  readonly actor: object;
  readonly action: string;
  readonly resourceType: string;
  /** Set where the resource is not the changed row. */
  readonly resourceId: string | null;
  readonly parameters: unknown;
  readonly result: unknown;
  /** The time from the start of the call to this entry. */
  readonly durationSeconds: number | null;
  readonly requestId: string | null;
}
