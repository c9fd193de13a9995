/** What was promised of families of types: those that are listed, those that clients write, and operators of filters. */

/** What every list of a type brings along: connection, edge, filter and order. */
const LISTED: Record<string, string> = {
  Organization: "name: StringFilter domain: StringFilter createdAt: DateTimeFilter",
  User: "email: StringFilter role: RoleFilter organizationId: IDFilter",
  Scan: "status: ScanStatusFilter startedAt: DateTimeFilter vulnerabilitiesFound: IntFilter organizationId: IDFilter",
  Vulnerability: "severity: SeverityFilter title: StringFilter scanId: IDFilter",
  ChatSession: "sessionId: StringFilter timestamp: DateTimeFilter userId: IDFilter",
  AnalyticsMetric: "value: FloatFilter recordedAt: DateTimeFilter organizationId: IDFilter",
  PerformanceLog: "serviceName: StringFilter responseTimeMs: FloatFilter",
  AuditLog: "action: StringFilter resourceId: IDFilter success: BooleanFilter timestamp: DateTimeFilter",
  Instance:
    "identifier: StringFilter provider: StringFilter accountId: StringFilter engine: StringFilter storageGiB: IntFilter multiAz: BooleanFilter status: StringFilter discoveredAt: DateTimeFilter",
  Operation:
    "type: OperationTypeFilter status: OperationStatusFilter success: BooleanFilter requestedAt: DateTimeFilter instanceId: IDFilter",
  Snapshot: "identifier: StringFilter status: StringFilter createdAt: DateTimeFilter instanceId: IDFilter",
  Finding:
    "kind: StringFilter severity: AlertSeverityFilter subject: StringFilter openedAt: DateTimeFilter resolvedAt: DateTimeFilter instanceId: IDFilter",
  Scope: "provider: StringFilter accountId: StringFilter region: StringFilter lastSuccessAt: DateTimeFilter",
  DiscoveryRun: "provider: StringFilter startedAt: DateTimeFilter endedAt: DateTimeFilter failedScopes: IntFilter",
  InstanceChange: "at: DateTimeFilter instanceId: IDFilter",
  EnvironmentMapping:
    "accountId: StringFilter environment: EnvironmentFilter reason: StringFilter settles: StringFilter createdAt: DateTimeFilter instanceId: IDFilter",
  SecurityEvent: "eventType: StringFilter eventStatus: SecurityEventStatusFilter userId: IDFilter",
};

export const LISTS = Object.entries(LISTED)
  .map(
    ([name, filters]) => `
      extend type ${name} implements Node { nodeId: ID! }
      type ${name}Connection { edges: [${name}Edge!]! nodes: [${name}!]! pageInfo: PageInfo! totalCount: Int! }
      type ${name}Edge { cursor: String! node: ${name}! }
      input ${name}Filter { id: IDFilter ${filters} and: [${name}Filter!] or: [${name}Filter!] not: ${name}Filter }
      input ${name}Order { field: ${name}OrderField! direction: OrderDirection! = ASC }
      enum ${name}OrderField { ID }`,
  )
  .join("\n");

/** Of types that clients write: the plural, what a creation takes, what a change takes, and what the items of one call share. */
const WRITTEN: Record<string, [plural: string, create: string, changes: string, shared?: string]> = {
  Organization: [
    "organizations",
    "name: String! domain: String! subscriptionTier: String",
    "name: String domain: String subscriptionTier: String",
  ],
  User: [
    "users",
    "email: String! password: String! fullName: String role: Role! organizationId: ID",
    "email: String password: String fullName: String role: Role organizationId: ID",
  ],
  Scan: [
    "scans",
    "organizationId: ID! targetUrl: String! scanType: String! status: ScanStatus startedAt: DateTime",
    "targetUrl: String scanType: String status: ScanStatus",
  ],
  Vulnerability: [
    "vulnerabilities",
    "severity: Severity! vulnType: String! title: String! description: String",
    "severity: Severity vulnType: String title: String description: String",
    "scanId: ID!",
  ],
  ChatSession: [
    "chatSessions",
    "userId: ID! sessionId: String! message: String! response: String timestamp: DateTime",
    "message: String response: String",
  ],
  AnalyticsMetric: [
    "analyticsMetrics",
    "organizationId: ID! metricType: String! value: Float! recordedAt: DateTime",
    "metricType: String value: Float recordedAt: DateTime",
  ],
  PerformanceLog: [
    "performanceLogs",
    "organizationId: ID serviceName: String! endpoint: String! responseTimeMs: Float! timestamp: DateTime",
    "serviceName: String endpoint: String responseTimeMs: Float timestamp: DateTime",
  ],
};

export const WRITES = Object.entries(WRITTEN)
  .map(([name, [plural, create, changes, shared]]) => {
    const names = plural.charAt(0).toUpperCase() + plural.slice(1);
    return `
      extend type Mutation {
        ${shared ? "" : `create${names}(input: Create${names}Input!): Create${names}Payload`}
        update${names}(input: Update${names}Input!): Update${names}Payload
        delete${names}(input: Delete${names}Input!): Delete${names}Payload
      }
      extend input Create${name}Input { idempotencyKey: String }
      ${shared ? "extend" : ""} input Create${names}Input { ${shared ? "" : `items: [${name}ItemInput!]!`} idempotencyKey: String }
      ${shared ? "" : `input ${name}ItemInput { ${create} }`}
      input ${name}ChangesInput { ${changes} }
      input Update${names}Input { filter: ${name}Filter! expectedCount: Int! changes: ${name}ChangesInput! }
      input Delete${names}Input { filter: ${name}Filter! expectedCount: Int! }
      ${shared ? "" : `type Create${names}Payload { ${plural}: [${name}!]! }`}
      type Update${names}Payload { ${plural}: [${name}!]! }
      type Delete${names}Payload { deleted${name}Ids: [ID!]! }`;
  })
  .join("\n");

export const UPSERTS = `
  extend type Mutation {
    upsertOrganization(input: UpsertOrganizationInput!): UpsertOrganizationPayload
    upsertUser(input: UpsertUserInput!): UpsertUserPayload
  }
  input UpsertOrganizationInput { name: String! domain: String! subscriptionTier: String }
  input UpsertUserInput { email: String! password: String fullName: String role: Role! organizationId: ID }
  type UpsertOrganizationPayload { organization: Organization! created: Boolean! }
  type UpsertUserPayload { user: User! created: Boolean! }
`;

const equality = (type: string) => `eq: ${type} ne: ${type} in: [${type}!] notIn: [${type}!] isNull: Boolean`;
const comparison = (type: string) => `${equality(type)} gt: ${type} gte: ${type} lt: ${type} lte: ${type}`;
export const OPERATORS = `
  type PageInfo { hasNextPage: Boolean! hasPreviousPage: Boolean! startCursor: String endCursor: String }
  enum OrderDirection { ASC DESC }
  input IDFilter { ${equality("ID")} }
  input StringFilter { ${comparison("String")} contains: String startsWith: String }
  input IntFilter { ${comparison("Int")} }
  input FloatFilter { ${comparison("Float")} }
  input DateTimeFilter { ${comparison("DateTime")} }
  input BooleanFilter { eq: Boolean ne: Boolean isNull: Boolean }
  input RoleFilter { ${equality("Role")} }
  input ScanStatusFilter { ${equality("ScanStatus")} }
  input AlertSeverityFilter { ${equality("AlertSeverity")} }
  input EnvironmentFilter { ${equality("Environment")} }
  input SeverityFilter { ${equality("Severity")} }
  input OperationTypeFilter { ${equality("OperationType")} }
  input OperationStatusFilter { ${equality("OperationStatus")} }
  input SecurityEventStatusFilter { ${equality("SecurityEventStatus")} }
`;
