/**
 * What layers.test.ts forbids and is there all the same. A line is deleted with its offence, or follows it to another
 * file; none is added.
 */

/** Paths are those of places.ts, where files will lie, so that moving one leaves its line as it is. */
export const FORBIDDEN_IMPORTS: readonly string[] = [
  "app.ts imports modules/identity/sessions/revocations.service.ts",
  "audit/call.ts imports types of engine/read/writing.ts",
  "audit/folder.ts imports postgres/durability.ts",
  "auth/authenticate.ts imports types of modules/identity/sessions/revocations.service.ts",
  "config.ts imports modules/fleet/inventory/environment-rules.ts",
  "config.ts imports modules/fleet/inventory/local-instances.ts",
  "config.ts imports providers/provider.ts",
  "engine/write/row-statements.ts imports db/tables/index.ts",
  "engine/write/rows.store.ts imports db/tables/index.ts",
  "graphql/access/rules.ts imports modules/fleet/operations/operability.ts",
  "graphql/fast-path/direct-answer.ts imports db/postgres-errors.ts",
  "graphql/rehearsal.ts imports model/index.ts",
  "graphql/schema.ts imports model/index.ts",
  "model/fleet.ts imports modules/fleet/operations/operability.ts",
  "modules/evidence/security-events/index.ts imports audit/security.service.ts",
  "modules/fleet/inventory/local-instances.ts imports modules/fleet/operations/windows.ts",
  "modules/fleet/operations/operability.ts imports providers/provider.ts",
  "modules/identity/sessions/revocations.service.ts imports db/tables/index.ts",
  "modules/identity/sessions/sessions.service.ts imports types of modules/evidence/security-events/index.ts",
];

export const CIRCLES: readonly string[] = [
  "graphql/access/access.ts and graphql/access/rules.ts and graphql/context.ts",
  "model/organizations.ts and model/scans.ts",
  "modules/fleet/operations/endings.ts and modules/fleet/operations/worker.ts",
];
