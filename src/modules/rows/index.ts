/** The verbs that plain types share. */
export { createRowService, present, type RowsDeps, requireChange, requireReferences } from "./rows.service.js";
