/** Security events, as they are read and reported. */
export { SecurityResolver } from "./security.resolver.js";
export { SecurityEvent } from "./security-events.model.js";
