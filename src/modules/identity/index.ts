/** Identity: sessions of users. */
export { IdentityResolver } from "./identity.resolver.js";
export { createIdentityService, type IdentityService } from "./identity.service.js";
