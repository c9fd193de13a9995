/** The verbs that plain types share. */
export { createRowService, insertReachable, present, type RowsDeps, requireChange } from "./rows.service.js";
