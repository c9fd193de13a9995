/** The numbers of all advisory locks, each of which stands for one purpose. They count for the whole database. */

export const LOCKS = {
  /** Migrating the database. */
  migration: 7_239_402_331n,
  /** What a start sets and seeds once: the settings of the role, and the first administrator. */
  start: 7_239_402_332n,
  /** Names that operations give to what they make. */
  identifiers: 7_239_402_333n,
  /** What environments are decided by. */
  classification: 7_239_402_334n,
  /** Accepting bulk operations. */
  bulkRequests: 7_239_402_335n,
  /** Requesting the operations of bulk operations. */
  bulkDispatch: 7_239_402_336n,
} as const;
