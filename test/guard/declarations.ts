/** Rules about declarations as data, each shown to hold for all of the source and to catch a bad example. */
import { describe, expect, it } from "vitest";
import { ROLE_PERMISSIONS, ROLES } from "../../src/auth/permissions.js";
import type { TypeDeclaration } from "../../src/engine/declaration.js";
import { field, one } from "../../src/engine/declare.js";
import { chatSessions } from "../../src/modules/data/chat/chat.table.js";
import { scans } from "../../src/modules/data/scans/scans.table.js";
import { Organization } from "../../src/modules/identity/organizations/organizations.model.js";
import { User } from "../../src/modules/identity/users/users.model.js";
import { declaredTypes } from "../support/model.js";

const partsOf = (type: TypeDeclaration) => [...Object.entries(type.fields), ...Object.entries(type.relations)];

export const readers = (type: TypeDeclaration) =>
  ROLES.filter((role) => type.read.some((permission) => ROLE_PERMISSIONS[role].includes(permission)));

export type Offenders = (types: readonly TypeDeclaration[]) => string[];
export const eachPart =
  (offends: (type: TypeDeclaration, name: string) => boolean): Offenders =>
  (types) =>
    types.flatMap((type) =>
      partsOf(type)
        .filter(([name]) => offends(type, name))
        .map(([name]) => `${type.name}.${name}`),
    );
export const eachType =
  (offends: (type: TypeDeclaration) => boolean): Offenders =>
  (types) =>
    types.filter(offends).map(({ name }) => name);

/** A declaration with everything as it should be, for examples that break one thing. */
export const base = (changes: Partial<TypeDeclaration>): TypeDeclaration => ({
  name: "Example",
  plural: "examples",
  description: "An example of a type.",
  table: scans,
  read: ["scans:read"],
  scope: { kind: "organization", column: scans.organizationId },
  newestBy: "createdAt",
  fields: { id: field(scans.id, "The key of the row.") },
  relations: {},
  ...changes,
});
export const toOrganization = one(() => Organization, scans.organizationId, "Whose it is.");
export const ofChats = {
  name: "Chats",
  table: chatSessions,
  fields: { id: field(chatSessions.id, "The key.") },
};
export const toUser = one(() => User, chatSessions.userId, "Whose it is.");

export interface Rule {
  readonly name: string;
  readonly explanation: string;
  readonly offenders: Offenders;
  readonly bad: readonly TypeDeclaration[];
  readonly caught: readonly string[];
}

export function holdAndBite(rules: readonly Rule[]): void {
  describe.each(rules)("$name", ({ offenders, explanation, bad, caught }) => {
    it("holds", () => expect(offenders(declaredTypes), explanation).toEqual([]));
    it("catches a bad example", () => expect(offenders(bad)).toEqual(caught));
  });
}
