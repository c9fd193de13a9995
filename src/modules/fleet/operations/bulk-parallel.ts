/** How many operations of bulk operations may be under way at once. */
export interface BulkParallel {
  /** In one account of a provider. */
  readonly account: number;
  /** On one host. */
  readonly host: number;
  /** In all. */
  readonly fleet: number;
}
