/** Where each file of src belongs that does not lie there yet. Whoever moves files deletes their line. */

/** The beginning of a path below src, and what stands there once its files have moved. The first that fits counts. */
export const PLACES: readonly (readonly [from: string, to: string])[] = [
  ["auth/revocations.ts", "modules/identity/sessions/revocations.service.ts"],
  ["cluster/", "postgres/"],
  ["db/tables/columns.ts", "db/columns.ts"],
  ["model/operability.ts", "modules/fleet/operations/operability.ts"],
  ["modules/chat/", "modules/data/chat/"],
  ["modules/identity/identity.", "modules/identity/sessions/sessions."],
  ["modules/identity/index.ts", "modules/identity/sessions/index.ts"],
  ["modules/inventory/", "modules/fleet/inventory/"],
  ["modules/operations/", "modules/fleet/operations/"],
  ["modules/organizations/", "modules/identity/organizations/"],
  ["modules/retention/", "modules/evidence/retention/"],
  ["modules/scans/", "modules/data/scans/"],
  ["modules/security/", "modules/evidence/security-events/"],
  ["modules/telemetry/", "modules/data/telemetry/"],
  ["modules/users/", "modules/identity/users/"],
];

export const placeFor = (file: string) => PLACES.find(([from]) => file.startsWith(from));

/** @returns the path of a file once it has moved: what rules and exceptions name, so that moves leave them alone */
export function home(file: string): string {
  const [from, to] = placeFor(file) ?? ["", ""];
  return to + file.slice(from.length);
}
