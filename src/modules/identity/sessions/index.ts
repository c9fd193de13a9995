/** Identity: sessions of users. */
export { IdentityResolver } from "./sessions.resolver.js";
export { createIdentityService, type IdentityService } from "./sessions.service.js";
