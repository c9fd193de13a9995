/** Removal of what is over. */
export { removeWhatIsOver } from "./retention.service.js";
