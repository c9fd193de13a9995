/** The verbs that all types share. */
export { type Before, createRowService, type RowRules, type RowsDeps } from "./rows.service.js";
