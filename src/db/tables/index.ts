/** Every table of Postern's own database. */
export * from "./chat.js";
export * from "./evidence.js";
export * from "./fleet.js";
export * from "./organizations.js";
export * from "./scans.js";
export * from "./telemetry.js";
