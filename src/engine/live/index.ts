/** The face of this folder: which rows have changed, for whoever follows them. */
export {
  createRowChanges,
  type RowChanges,
  type RowChangesDeps,
  type RowChangesListener,
} from "./row-changes.service.js";
export { deleteOldRowChanges } from "./row-changes.store.js";
