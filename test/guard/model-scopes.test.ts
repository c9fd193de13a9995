/** What declarations must say of scopes, so that rows are guarded wherever a query reaches them. */
import { getTableColumns } from "drizzle-orm";
import { type Permission, ROLE_PERMISSIONS, ROLES, TENANT_ROLES } from "../../src/auth/permissions.js";
import type { TypeDeclaration } from "../../src/engine/declaration.js";
import { one } from "../../src/engine/declare.js";
import { chatSessions } from "../../src/modules/data/chat/chat.table.js";
import { scans } from "../../src/modules/data/scans/scans.table.js";
import { AuditLog } from "../../src/modules/evidence/audit-log/audit-log.model.js";
import { Organization } from "../../src/modules/identity/organizations/organizations.model.js";
import { Session } from "../../src/modules/identity/sessions/sessions.model.js";
import { base, eachPart, eachType, holdAndBite, ofChats, readers, toOrganization, toUser } from "./declarations.js";

/** Whether whoever sees a row of the source by its scope sees the row that a relation of it leads to. */
function scopeImplied(source: TypeDeclaration, name: string): boolean {
  const relation = source.relations[name];
  if (relation?.kind !== "one") return true;
  const target = relation.to();
  if (target.narrowing) return false;
  if (target.scope.kind === "everyone") return true;
  // Whoever sees all of its rows may not see this one.
  if (target.scope.kind === "user") return false;
  // Only staff sees rows of the source, and staff reaches every row.
  if (source.scope.kind === "staff") return true;
  // A row of the source is visible because this very row is.
  if (source.scope.kind === "through") return source.scope.relation === name;
  // The column that names the row's organization is the reference to it.
  const isOrganization = target.scope.kind === "organization" && target.scope.column === target.fields.id.column;
  return isOrganization && source.scope.kind === "organization" && source.scope.column === relation.column;
}

const holders = (permission: Permission) => ROLES.filter((role) => ROLE_PERMISSIONS[role].includes(permission));

/** Scopes lead through relations; each step must come closer to a column that names an organization. */
function scopeEnds(type: TypeDeclaration, seen: readonly TypeDeclaration[] = []): boolean {
  if (type.scope.kind !== "through") return true;
  const relation = type.relations[type.scope.relation];
  if (relation?.kind !== "one" || seen.includes(type)) return false;
  // A row without the reference would belong to nobody, which is safe; a circle would not end.
  return scopeEnds(relation.to(), [...seen, type]);
}

/** The scope of rows that are each user's own. */
const ofUser = (unless: Permission) => ({ kind: "user", column: chatSessions.userId, unless }) as const;

holdAndBite([
  {
    name: "whoever sees the rows of all users belongs to no organization",
    explanation: "Somebody of one organization would see what is that of users of the others.",
    offenders: eachType(
      ({ scope }) => scope.kind === "user" && holders(scope.unless).some((role) => TENANT_ROLES.has(role)),
    ),
    bad: [
      base({ ...ofChats, scope: ofUser("users:read") }),
      base({ ...ofChats, name: "Good", scope: ofUser("sessions:read") }),
    ],
    caught: ["Chats"],
  },
  {
    name: "what is each user's own names its user by the relation `user`",
    explanation: "A reference that is not reached is reported under that name.",
    offenders: eachType(({ scope, relations }) => {
      const relation = relations.user;
      return scope.kind === "user" && !(relation?.kind === "one" && relation.column === scope.column);
    }),
    bad: [
      base({ ...ofChats, scope: ofUser("sessions:read") }),
      base({ ...ofChats, name: "Good", scope: ofUser("sessions:read"), relations: { user: toUser } }),
    ],
    caught: ["Chats"],
  },
  {
    name: "what exists for everyone refers only to what exists for everyone",
    explanation: "Such a row belongs to no organization; a reference to one that does would tell of it.",
    offenders: eachPart((type, name) => {
      const relation = type.relations[name];
      return type.scope.kind === "everyone" && relation?.kind === "one" && relation.to().scope.kind !== "everyone";
    }),
    bad: [
      base({ scope: { kind: "everyone" }, relations: { organization: toOrganization } }),
      base({ name: "Good", relations: { organization: toOrganization } }),
    ],
    caught: ["Example.organization"],
  },
  {
    name: "a type for everyone is of a table without organizations and users",
    explanation: "Whoever belongs to one organization would see the rows of all of them.",
    offenders: eachType(
      ({ scope, table }) =>
        scope.kind === "everyone" && ["organizationId", "userId"].some((column) => column in getTableColumns(table)),
    ),
    bad: [base({ scope: { kind: "everyone" } })],
    caught: ["Example"],
  },
  {
    name: "a non-null relation to one leads to a row that is visible wherever its source is",
    explanation: "Hidden by scope, it would put a null where the schema has none: into text that nobody checks.",
    offenders: eachPart((type, name) => {
      const relation = type.relations[name];
      return relation?.kind === "one" && relation.column.notNull && !scopeImplied(type, name);
    }),
    bad: [
      // By its organization column, while the relation leads to a user, who may belong elsewhere.
      base({
        ...ofChats,
        scope: { kind: "organization", column: chatSessions.id },
        relations: { user: toUser },
      }),
      base({
        name: "Narrowed",
        relations: {
          organization: one(
            () => ({ ...Organization, narrowing: AuditLog.narrowing! }),
            scans.organizationId,
            "Whose it is.",
          ),
        },
      }),
      base({ name: "Good", relations: { organization: toOrganization } }),
      base({ ...ofChats, name: "AlsoGood", scope: { kind: "through", relation: "user" }, relations: { user: toUser } }),
      base({
        name: "OfUser",
        scope: { kind: "staff" },
        relations: { session: one(() => Session, scans.organizationId, "Whose it is.") },
      }),
    ],
    caught: ["Chats.user", "Narrowed.organization", "OfUser.session"],
  },
  {
    name: "whoever reads the source of a non-null relation to one reads its target",
    explanation: "Refused, the null would take the whole source along.",
    offenders: eachPart((type, name) => {
      const relation = type.relations[name];
      if (relation?.kind !== "one" || !relation.column.notNull) return false;
      const allowed = readers(relation.to());
      return readers(type).some((role) => !allowed.includes(role));
    }),
    bad: [base({ ...ofChats, read: ["performance-logs:read"], relations: { user: toUser } })],
    caught: ["Chats.user"],
  },
  {
    name: "a scope through relations ends at an organization",
    explanation: "A circle would never end.",
    offenders: eachType((type) => !scopeEnds(type)),
    bad: [
      (() => {
        const circle: TypeDeclaration = base({
          ...ofChats,
          scope: { kind: "through", relation: "self" },
          relations: { self: one(() => circle, chatSessions.userId, "Itself.") },
        });
        return circle;
      })(),
      base({ ...ofChats, name: "Astray", scope: { kind: "through", relation: "nowhere" } }),
    ],
    caught: ["Chats", "Astray"],
  },
  {
    name: "rows that only staff sees are read by staff only",
    explanation: "Somebody of one organization who may read the type would find it empty instead of refused.",
    offenders: eachType(
      (type) =>
        type.scope.kind === "staff" && readers(type).some((role) => (["VIEWER", "ANALYST"] as string[]).includes(role)),
    ),
    bad: [base({ scope: { kind: "staff" } })],
    caught: ["Example"],
  },
]);
