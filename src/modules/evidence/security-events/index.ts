/** Security events, as they are read and reported. */
import type { SecurityService } from "../../../audit/index.js";
import { can } from "../../../auth/rules.js";
import type { Module } from "../../../module.js";
import { SecurityResolver } from "./security.resolver.js";
import { SecurityEvent } from "./security-events.model.js";

export const securityEventsModule = ({ security }: { security: SecurityService }): Module => ({
  types: [SecurityEvent],
  mutations: { recordSecurityEvent: { rule: can("security-events:record"), action: "security-event.record" } },
  resolvers: [new SecurityResolver(security)],
});
