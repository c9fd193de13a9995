/** The closed lists of roles and permissions, and which role holds which. */
export const ROLES = ["VIEWER", "ANALYST", "DBA", "SECURITY", "ADMIN"] as const;
export type Role = (typeof ROLES)[number];

const OWN = ["profile:write", "own-sessions:read"] as const;

/** Reading the rows of an organization. */
const READ_DATA = [
  "organizations:read",
  "users:read",
  "scans:read",
  "vulnerabilities:read",
  "chat-sessions:read",
  "metrics:read",
  "performance-logs:read",
] as const;

const WRITE_DATA = [
  "scans:write",
  "vulnerabilities:write",
  "chat-sessions:write",
  "metrics:write",
  "performance-logs:write",
] as const;

/** Reading the fleet, without the addresses of its instances. */
const READ_INVENTORY = ["instances:read"] as const;
const OPERATE = ["instance-endpoints:read", "instance-logs:read", "operations:run"] as const;

/** Reading what is done to the fleet, who said what it is for, and what people should look at. */
const WATCH_FLEET = ["operations:read", "environment-mappings:read", "findings:read"] as const;

/** Keeping an account out, and letting it in again. */
const LOCK_ACCOUNTS = ["users:lock"] as const;
/** Reading and ending the sessions of everybody. */
const WATCH_SESSIONS = ["sessions:read", "sessions:revoke"] as const;

/** Mapping an instance to a stricter environment. */
const TIGHTEN = ["environment-mappings:write"] as const;
/** Loosening and settling environments, mapping accounts, setting the rules, and confirming what others propose. */
const DECIDE_ENVIRONMENTS = ["environments:decide"] as const;

const ADMINISTER = [
  ...TIGHTEN,
  ...DECIDE_ENVIRONMENTS,
  "organizations:write",
  "users:write",
  "secrets:rotate",
] as const;

export const PERMISSIONS = [
  /** Changing one's own profile, and reading one's own sessions. Every role holds them. */
  ...OWN,
  ...READ_DATA,
  ...WRITE_DATA,
  ...READ_INVENTORY,
  ...OPERATE,
  ...WATCH_FLEET,
  ...LOCK_ACCOUNTS,
  ...ADMINISTER,
  ...WATCH_SESSIONS,
  /** Reading all audit records. */
  "audit-logs:read",
  /** Reading only the audit records of operations. */
  "operation-audit-logs:read",
  "security-events:read",
  "security-events:record",
] as const;

export type Permission = (typeof PERMISSIONS)[number];

export const ROLE_PERMISSIONS: Readonly<Record<Role, readonly Permission[]>> = {
  VIEWER: [...OWN, ...READ_DATA, ...READ_INVENTORY],
  ANALYST: [...OWN, ...READ_DATA, ...WRITE_DATA, ...READ_INVENTORY],
  DBA: [
    ...READ_INVENTORY,
    ...OPERATE,
    ...WATCH_FLEET,
    ...TIGHTEN,
    ...OWN,
    "performance-logs:read",
    "operation-audit-logs:read",
  ],
  SECURITY: [
    ...READ_INVENTORY,
    ...WATCH_FLEET,
    ...LOCK_ACCOUNTS,
    ...WATCH_SESSIONS,
    ...OWN,
    "users:read",
    "audit-logs:read",
    "security-events:read",
    "security-events:record",
  ],
  ADMIN: PERMISSIONS.filter((permission) => permission !== "operation-audit-logs:read"),
};

/** Roles whose users belong to exactly one organization and reach nothing outside it. The others are staff. */
export const TENANT_ROLES: ReadonlySet<Role> = new Set<Role>(["VIEWER", "ANALYST"]);
