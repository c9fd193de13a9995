/** The names that clients rely on are there with the types they have always had, and everything is described. */
import {
  buildSchema,
  type GraphQLArgument,
  type GraphQLNamedType,
  type GraphQLSchema,
  getNamedType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isIntrospectionType,
  isNonNullType,
  isObjectType,
  isSpecifiedScalarType,
  printSchema,
} from "graphql";
import { describe, expect, it } from "vitest";
import { testApp } from "../support/app.js";

const app = testApp();

/** The public promise. The schema may hold more than this, never less, and never under other names. */
const PROMISED = /* GraphQL */ `
  scalar DateTime
  scalar JSON

  interface Node { nodeId: ID! }

  type Query {
    viewer: Viewer
    node(nodeId: ID!): Node
    nodes(nodeIds: [ID!]!): [Node]
    organization(id: ID!): Organization
    organizations(first: Int, after: String, last: Int, before: String, filter: OrganizationFilter, orderBy: [OrganizationOrder!]): OrganizationConnection
    user(id: ID!): User
    users(first: Int, after: String, last: Int, before: String, filter: UserFilter, orderBy: [UserOrder!]): UserConnection
    scan(id: ID!): Scan
    scans(first: Int, after: String, last: Int, before: String, filter: ScanFilter, orderBy: [ScanOrder!]): ScanConnection
    vulnerability(id: ID!): Vulnerability
    vulnerabilities(first: Int, after: String, last: Int, before: String, filter: VulnerabilityFilter, orderBy: [VulnerabilityOrder!]): VulnerabilityConnection
    chatSession(id: ID!): ChatSession
    chatSessions(first: Int, after: String, last: Int, before: String, filter: ChatSessionFilter, orderBy: [ChatSessionOrder!]): ChatSessionConnection
    analyticsMetric(id: ID!): AnalyticsMetric
    analyticsMetrics(first: Int, after: String, last: Int, before: String, filter: AnalyticsMetricFilter, orderBy: [AnalyticsMetricOrder!]): AnalyticsMetricConnection
    performanceLog(id: ID!): PerformanceLog
    performanceLogs(first: Int, after: String, last: Int, before: String, filter: PerformanceLogFilter, orderBy: [PerformanceLogOrder!]): PerformanceLogConnection
    auditLog(id: ID!): AuditLog
    auditLogs(first: Int, after: String, last: Int, before: String, filter: AuditLogFilter, orderBy: [AuditLogOrder!]): AuditLogConnection
    instance(id: ID!): Instance
    instances(first: Int, after: String, last: Int, before: String, filter: InstanceFilter, orderBy: [InstanceOrder!]): InstanceConnection
    snapshot(id: ID!): Snapshot
    snapshots(first: Int, after: String, last: Int, before: String, filter: SnapshotFilter, orderBy: [SnapshotOrder!]): SnapshotConnection
    operation(id: ID!): Operation
    operations(first: Int, after: String, last: Int, before: String, filter: OperationFilter, orderBy: [OperationOrder!]): OperationConnection
    finding(id: ID!): Finding
    findings(first: Int, after: String, last: Int, before: String, filter: FindingFilter, orderBy: [FindingOrder!]): FindingConnection
    scopes(first: Int, after: String, last: Int, before: String, filter: ScopeFilter, orderBy: [ScopeOrder!]): ScopeConnection
    discoveryRuns(first: Int, after: String, last: Int, before: String, filter: DiscoveryRunFilter, orderBy: [DiscoveryRunOrder!]): DiscoveryRunConnection
    environmentMapping(id: ID!): EnvironmentMapping
    environmentMappings(first: Int, after: String, last: Int, before: String, filter: EnvironmentMappingFilter, orderBy: [EnvironmentMappingOrder!]): EnvironmentMappingConnection
    securityEvent(id: ID!): SecurityEvent
    securityEvents(first: Int, after: String, last: Int, before: String, filter: SecurityEventFilter, orderBy: [SecurityEventOrder!]): SecurityEventConnection
  }

  type Mutation {
    signIn(input: SignInInput!): SignInPayload
    refreshSession(input: RefreshSessionInput!): SignInPayload
    signOut(input: SignOutInput): SignOutPayload
    createOrganization(input: CreateOrganizationInput!): CreateOrganizationPayload
    updateOrganization(input: UpdateOrganizationInput!): UpdateOrganizationPayload
    deleteOrganization(input: DeleteOrganizationInput!): DeleteOrganizationPayload
    createUser(input: CreateUserInput!): CreateUserPayload
    updateUser(input: UpdateUserInput!): UpdateUserPayload
    deleteUser(input: DeleteUserInput!): DeleteUserPayload
    createScan(input: CreateScanInput!): CreateScanPayload
    updateScan(input: UpdateScanInput!): UpdateScanPayload
    deleteScan(input: DeleteScanInput!): DeleteScanPayload
    createVulnerability(input: CreateVulnerabilityInput!): CreateVulnerabilityPayload
    createVulnerabilities(input: CreateVulnerabilitiesInput!): CreateVulnerabilitiesPayload
    updateVulnerability(input: UpdateVulnerabilityInput!): UpdateVulnerabilityPayload
    deleteVulnerability(input: DeleteVulnerabilityInput!): DeleteVulnerabilityPayload
    createChatSession(input: CreateChatSessionInput!): CreateChatSessionPayload
    updateChatSession(input: UpdateChatSessionInput!): UpdateChatSessionPayload
    deleteChatSession(input: DeleteChatSessionInput!): DeleteChatSessionPayload
    createAnalyticsMetric(input: CreateAnalyticsMetricInput!): CreateAnalyticsMetricPayload
    updateAnalyticsMetric(input: UpdateAnalyticsMetricInput!): UpdateAnalyticsMetricPayload
    deleteAnalyticsMetric(input: DeleteAnalyticsMetricInput!): DeleteAnalyticsMetricPayload
    createPerformanceLog(input: CreatePerformanceLogInput!): CreatePerformanceLogPayload
    updatePerformanceLog(input: UpdatePerformanceLogInput!): UpdatePerformanceLogPayload
    deletePerformanceLog(input: DeletePerformanceLogInput!): DeletePerformanceLogPayload
    createSnapshot(input: CreateSnapshotInput!): OperationPayload
    deleteSnapshot(input: DeleteSnapshotInput!): OperationPayload
    restoreSnapshot(input: RestoreSnapshotInput!): OperationPayload
    rebootInstance(input: RebootInstanceInput!): OperationPayload
    modifyBackupWindow(input: ModifyBackupWindowInput!): OperationPayload
    cancelOperation(input: CancelOperationInput!): OperationPayload
    setEnvironmentMapping(input: SetEnvironmentMappingInput!): SetEnvironmentMappingPayload
    recordSecurityEvent(input: RecordSecurityEventInput!): RecordSecurityEventPayload
  }

  enum Role { VIEWER ANALYST DBA SECURITY ADMIN }
  enum Severity { CRITICAL HIGH MEDIUM LOW INFO }
  enum ScanStatus { PENDING RUNNING COMPLETED FAILED CANCELLED }
  enum ScopeState { PENDING LISTED FAILING REMOVED }
  enum InstanceChangeField { IDENTIFIER INSTANCE_CLASS ENGINE_VERSION TAGS BACKUP_WINDOW MAINTENANCE_WINDOW BACKUP_RETENTION_DAYS MEMBER_ROLES CLUSTER ENVIRONMENT GONE }
  enum AlertSeverity { CRITICAL WARNING INFO }
  enum SecurityEventStatus { SUCCESS FAILURE WARNING }
  enum Environment { PRODUCTION STAGING TEST DEVELOPMENT POC SANDBOX }
  enum OperationType { CREATE_SNAPSHOT REBOOT_INSTANCE MODIFY_BACKUP_WINDOW DELETE_SNAPSHOT RESTORE_SNAPSHOT }
  enum EnvironmentMethod { TAG INSTANCE_MAPPING ACCOUNT_MAPPING NAME_PATTERN DEFAULT }
  enum MemberRole { PRIMARY STANDBY }
  enum OperationStatus { PENDING_APPROVAL SCHEDULED QUEUED RUNNING SUCCEEDED FAILED TIMED_OUT CANCELLED REJECTED EXPIRED }

  type Viewer { user: User serviceName: String role: Role! organization: Organization permissions: [String!]! sessionExpiresAt: DateTime! }
  type SignInPayload { accessToken: String! refreshToken: String! expiresAt: DateTime! viewer: Viewer! }
  type SignOutPayload { signedOut: Boolean! }
  type Organization { id: ID! name: String! domain: String! subscriptionTier: String! createdAt: DateTime! users: UserConnection! scans: ScanConnection! version: Int! }
  type User { id: ID! email: String! fullName: String role: Role! organization: Organization createdAt: DateTime! version: Int! }
  type Scan {
    id: ID! organization: Organization! targetUrl: String! scanType: String! status: ScanStatus! startedAt: DateTime! vulnerabilitiesFound: Int!
    vulnerabilities(first: Int, after: String, filter: VulnerabilityFilter, orderBy: [VulnerabilityOrder!]): VulnerabilityConnection! version: Int!
  }
  type Vulnerability { id: ID! scan: Scan! severity: Severity! vulnType: String! title: String! description: String version: Int! }
  type ChatSession { id: ID! user: User! sessionId: String! message: String! response: String timestamp: DateTime! }
  type AnalyticsMetric { id: ID! organization: Organization! metricType: String! value: Float! recordedAt: DateTime! }
  type PerformanceLog { id: ID! serviceName: String! endpoint: String! responseTimeMs: Float! timestamp: DateTime! }
  type AuditLog { id: ID! actor: JSON! action: String! resourceType: String! resourceId: ID parameters: JSON result: JSON success: Boolean durationSeconds: Float timestamp: DateTime! requestId: ID }
  type SecurityEvent { id: ID! eventType: String! eventStatus: SecurityEventStatus! ipAddress: String user: User userAgent: String location: JSON metadata: JSON createdAt: DateTime! }

  type Instance {
    id: ID! identifier: String! provider: String! accountId: String region: String
    engine: String! engineVersion: String! instanceClass: String storageGiB: Int multiAz: Boolean! status: String!
    endpoint: InstanceEndpoint members: [InstanceMember!]! tags: [Tag!]! environment: EnvironmentClassification!
    backupWindow: String maintenanceWindow: String backupRetentionDays: Int availableOperations: [OperationAvailability!]!
    snapshots(first: Int, after: String): SnapshotConnection! operations(first: Int, after: String): OperationConnection
    changes(first: Int, after: String): InstanceChangeConnection! arn: String cluster: String gone: Boolean! operable: Boolean! scope: Scope
    findings(first: Int, after: String): FindingConnection autoFailover: AutoFailover
    discoveredAt: DateTime! lastSeenAt: DateTime!
  }
  type AutoFailover { afterSeconds: Int! maxLagBytes: Float! }
  type Scope { id: ID! provider: String! accountId: String! region: String state: ScopeState! lastSuccessAt: DateTime lastError: ScopeError instanceCount: Int! }
  type ScopeError { code: String! message: String! }
  type DiscoveryRun { id: ID! provider: String! startedAt: DateTime! endedAt: DateTime scopes: [DiscoveryRunScope!]! }
  type DiscoveryRunScope { found: Int! new: Int! changed: Int! gone: Int! calls: Int! error: ScopeError }
  type InstanceChange { id: ID! field: InstanceChangeField! before: JSON after: JSON at: DateTime! }
  type Finding { id: ID! kind: String! severity: AlertSeverity! subject: String detail: String! openedAt: DateTime! resolvedAt: DateTime instance: Instance scope: Scope }
  type InstanceEndpoint { host: String! port: Int! }
  type Tag { key: String! value: String! }
  type EnvironmentClassification { environment: Environment! decidedBy: EnvironmentMethod! conflict: Boolean! evidence: [EnvironmentEvidence!]! }
  type EnvironmentEvidence { method: EnvironmentMethod! environment: Environment detail: String! }
  type InstanceMember {
    name: String! role: MemberRole! endpoint: InstanceEndpoint status: String! lagBytes: Float lagSeconds: Float replaying: Boolean
    lastError: String since: DateTime
  }
  type OperationAvailability { type: OperationType! allowed: Boolean! reason: String }
  type Operation {
    id: ID! type: OperationType! instance: Instance! parameters: JSON! status: OperationStatus! success: Boolean resourceStatus: String
    progress: [OperationProgress!]! snapshot: Snapshot result: JSON error: OperationError
    requestedBy: JSON! requestedAt: DateTime! startedAt: DateTime endedAt: DateTime durationSeconds: Float
  }
  type EnvironmentMapping {
    id: ID! accountId: String environment: Environment reason: String! settles: String createdBy: Actor! createdAt: DateTime! instance: Instance
  }
  enum ActorKind { USER SYSTEM ANONYMOUS }
  type Actor { kind: ActorKind! id: ID email: String role: Role name: String }
  extend type AuditLog { actorInfo: Actor! user: User }
  extend type Operation { requestedByInfo: Actor! }
  extend type PerformanceLog { organization: Organization }
  extend type Organization { analyticsMetrics: AnalyticsMetricConnection performanceLogs: PerformanceLogConnection chatSessions: ChatSessionConnection }
  type OperationProgress { at: DateTime! resourceStatus: String! message: String! percent: Int }
  type OperationError { code: String! message: String! guidance: String! }
  type Snapshot { id: ID! identifier: String! arn: String! status: String! sizeBytes: Float createdAt: DateTime! tags: [Tag!]! }
  type OperationPayload { operation: Operation! }
  type SetEnvironmentMappingPayload { instance: Instance }

  input TagInput { key: String! value: String! }
  input CreateSnapshotInput { instanceId: ID! snapshotId: String tags: [TagInput!] waitSeconds: Int }
  input DeleteSnapshotInput { instanceId: ID! snapshotId: String! waitSeconds: Int }
  input RestoreSnapshotInput { instanceId: ID! snapshotId: String! identifier: String! waitSeconds: Int }
  input RebootInstanceInput { instanceId: ID! forceFailover: Boolean acceptSlotLoss: Boolean waitSeconds: Int }
  input ModifyBackupWindowInput { instanceId: ID! backupWindow: String! applyImmediately: Boolean waitSeconds: Int }
  input CancelOperationInput { operationId: ID! }
  input SetEnvironmentMappingInput { instanceId: ID accountId: String environment: Environment reason: String! settles: String }
  input SignInInput { email: String! password: String! otp: String }
  input RefreshSessionInput { refreshToken: String! }
  input SignOutInput { refreshToken: String }
  input CreateOrganizationInput { name: String! domain: String! subscriptionTier: String }
  input UpdateOrganizationInput { id: ID! version: Int! name: String domain: String subscriptionTier: String }
  input DeleteOrganizationInput { id: ID! version: Int }
  input CreateUserInput { email: String! password: String! fullName: String role: Role! organizationId: ID }
  input UpdateUserInput { id: ID! version: Int! email: String password: String fullName: String role: Role organizationId: ID }
  input DeleteUserInput { id: ID! version: Int }
  input CreateScanInput { organizationId: ID! targetUrl: String! scanType: String! status: ScanStatus startedAt: DateTime }
  input UpdateScanInput { id: ID! version: Int! targetUrl: String scanType: String status: ScanStatus }
  input DeleteScanInput { id: ID! version: Int }
  input CreateVulnerabilityInput { scanId: ID! severity: Severity! vulnType: String! title: String! description: String }
  input CreateVulnerabilitiesInput { scanId: ID! items: [VulnerabilityItemInput!]! }
  input VulnerabilityItemInput { severity: Severity! vulnType: String! title: String! description: String }
  input UpdateVulnerabilityInput { id: ID! version: Int! severity: Severity vulnType: String title: String description: String }
  input DeleteVulnerabilityInput { id: ID! version: Int }
  input CreateChatSessionInput { userId: ID! sessionId: String! message: String! response: String timestamp: DateTime }
  input UpdateChatSessionInput { id: ID! version: Int! message: String response: String }
  input DeleteChatSessionInput { id: ID! version: Int }
  input CreateAnalyticsMetricInput { organizationId: ID! metricType: String! value: Float! recordedAt: DateTime }
  input UpdateAnalyticsMetricInput { id: ID! version: Int! metricType: String value: Float recordedAt: DateTime }
  input DeleteAnalyticsMetricInput { id: ID! version: Int }
  input CreatePerformanceLogInput { organizationId: ID serviceName: String! endpoint: String! responseTimeMs: Float! timestamp: DateTime }
  input UpdatePerformanceLogInput { id: ID! version: Int! serviceName: String endpoint: String responseTimeMs: Float timestamp: DateTime }
  input DeletePerformanceLogInput { id: ID! version: Int }
  input RecordSecurityEventInput { eventType: String! eventStatus: SecurityEventStatus! ipAddress: String userId: ID userAgent: String location: JSON metadata: JSON }

  type CreateOrganizationPayload { organization: Organization! }
  type UpdateOrganizationPayload { organization: Organization! }
  type DeleteOrganizationPayload { deletedOrganizationId: ID! }
  type CreateUserPayload { user: User! }
  type UpdateUserPayload { user: User! }
  type DeleteUserPayload { deletedUserId: ID! }
  type CreateScanPayload { scan: Scan! }
  type UpdateScanPayload { scan: Scan! }
  type DeleteScanPayload { deletedScanId: ID! }
  type CreateVulnerabilityPayload { vulnerability: Vulnerability! }
  type CreateVulnerabilitiesPayload { scan: Scan! vulnerabilities: [Vulnerability!]! }
  type UpdateVulnerabilityPayload { vulnerability: Vulnerability! }
  type DeleteVulnerabilityPayload { deletedVulnerabilityId: ID! }
  type CreateChatSessionPayload { chatSession: ChatSession! }
  type UpdateChatSessionPayload { chatSession: ChatSession! }
  type DeleteChatSessionPayload { deletedChatSessionId: ID! }
  type CreateAnalyticsMetricPayload { analyticsMetric: AnalyticsMetric! }
  type UpdateAnalyticsMetricPayload { analyticsMetric: AnalyticsMetric! }
  type DeleteAnalyticsMetricPayload { deletedAnalyticsMetricId: ID! }
  type CreatePerformanceLogPayload { performanceLog: PerformanceLog! }
  type UpdatePerformanceLogPayload { performanceLog: PerformanceLog! }
  type DeletePerformanceLogPayload { deletedPerformanceLogId: ID! }
  type RecordSecurityEventPayload { securityEvent: SecurityEvent! }
`;

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

const LISTS = Object.entries(LISTED)
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

const WRITES = Object.entries(WRITTEN)
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

const UPSERTS = `
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
const OPERATORS = `
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

/** What a type promises, one line for each field, argument and value. */
function promisesOf(type: GraphQLNamedType): string[] {
  if (isEnumType(type)) return type.getValues().map(({ name }) => `${type.name}.${name}`);
  if (!isObjectType(type) && !isInterfaceType(type) && !isInputObjectType(type)) return [`scalar ${type.name}`];
  return Object.values(type.getFields()).flatMap((field) => [
    `${type.name}.${field.name}: ${field.type}`,
    ...("args" in field
      ? field.args.map((arg: GraphQLArgument) => `${type.name}.${field.name}(${arg.name}: ${arg.type})`)
      : []),
  ]);
}

const own = (schema: GraphQLSchema) =>
  Object.values(schema.getTypeMap()).filter((type) => !isIntrospectionType(type) && !isSpecifiedScalarType(type));
const promises = (schema: GraphQLSchema) => own(schema).flatMap(promisesOf);

function missing(promised: GraphQLSchema, schema: GraphQLSchema): string[] {
  const kept = new Set(promises(schema));
  return promises(promised).filter((promise) => !kept.has(promise));
}

/** Arguments that nobody needed before: a call that was good without them is refused now. */
function newlyRequired(promised: GraphQLSchema, schema: GraphQLSchema): string[] {
  return own(promised).flatMap((before) => {
    const now = schema.getType(before.name);
    if (isInputObjectType(before) && isInputObjectType(now)) {
      return Object.values(now.getFields())
        .filter(
          ({ name, type, defaultValue }) =>
            isNonNullType(type) && defaultValue === undefined && !before.getFields()[name],
        )
        .map(({ name }) => `${now.name}.${name}`);
    }
    if (!isObjectType(before) || !isObjectType(now)) return [];
    return Object.values(before.getFields()).flatMap((field) =>
      (now.getFields()[field.name]?.args ?? [])
        .filter(
          ({ name, type, defaultValue }) =>
            isNonNullType(type) && defaultValue === undefined && !field.args.some((arg) => arg.name === name),
        )
        .map(({ name }) => `${now.name}.${field.name}(${name})`),
    );
  });
}

/** Mutations that answer what others answer too. */
const SHARED_PAYLOADS: Record<string, string> = {
  refreshSession: "SignInPayload",
  createSnapshot: "OperationPayload",
  deleteSnapshot: "OperationPayload",
  restoreSnapshot: "OperationPayload",
  rebootInstance: "OperationPayload",
  modifyBackupWindow: "OperationPayload",
  stopInstance: "OperationPayload",
  startInstance: "OperationPayload",
  retryOperation: "OperationPayload",
  modifyInstanceClass: "OperationPayload",
  setInstanceTags: "OperationPayload",
  changeParameterGroup: "OperationPayload",
  cancelOperation: "OperationPayload",
  createSnapshots: "BulkOperationPayload",
  rebootInstances: "BulkOperationPayload",
  modifyBackupWindows: "BulkOperationPayload",
  stopInstances: "BulkOperationPayload",
  startInstances: "BulkOperationPayload",
  retryBulkOperation: "BulkOperationPayload",
  cancelBulkOperation: "BulkOperationPayload",
};

const RULES: {
  name: string;
  explanation: string;
  offenders(schema: GraphQLSchema): string[];
  bad: string;
  caught: string[];
}[] = [
  {
    name: "every type, field, argument, input field and enum value is described",
    explanation: "The schema is the reference that clients read.",
    offenders: (schema) =>
      own(schema).flatMap((type) => {
        const fields =
          isObjectType(type) || isInterfaceType(type) || isInputObjectType(type) ? Object.values(type.getFields()) : [];
        const values = isEnumType(type) ? type.getValues() : [];
        return [
          ...(type.description ? [] : [type.name]),
          ...values.flatMap(({ name, description }) => (description ? [] : [`${type.name}.${name}`])),
          ...fields.flatMap((field) => [
            ...(field.description ? [] : [`${type.name}.${field.name}`]),
            ...(("args" in field ? field.args : []) as readonly GraphQLArgument[])
              .filter(({ description }) => !description)
              .map(({ name }) => `${type.name}.${field.name}(${name})`),
          ]),
        ];
      }),
    bad: '"T." type T { "f" f("a" a: Int b: Int): Int g: E } enum E { "A" A B } input I { "x" x: Int y: Int } type Query { "t" t("i" i: I): T }',
    caught: ["T.f(b)", "T.g", "E", "E.B", "I", "I.y", "Query"],
  },
  {
    name: "what takes the identifier of an instance for its id says so",
    explanation: "People know instances by their names.",
    offenders: (schema) =>
      own(schema).flatMap((type) => {
        const fields = isObjectType(type) || isInputObjectType(type) ? Object.values(type.getFields()) : [];
        return fields.flatMap((field) => {
          const ofInput = type.name.endsWith("Input") && field.name === "instanceId" ? [field] : [];
          const ofRow = type.name === "Query" && field.name === "instance" && "args" in field ? field.args : [];
          const given: readonly { name: string; description?: string | null }[] = [...ofInput, ...ofRow];
          return given
            .filter(({ description }) => !description?.includes("identifier"))
            .map(({ name }) => `${type.name}.${field.name}${name === field.name ? "" : `(${name})`}`);
        });
      }),
    bad: 'type Query { instance(id: ID): Int scan(id: ID): Int } input AInput { "Its identifier." instanceId: ID } input BInput { "Its id." instanceId: ID }',
    caught: ["Query.instance(id)", "BInput.instanceId"],
  },
  {
    name: "root fields are nullable",
    explanation: "One that is refused must not take the others along.",
    offenders: (schema) =>
      [schema.getQueryType(), schema.getMutationType()].flatMap((type) =>
        Object.values(type?.getFields() ?? {})
          .filter((field) => isNonNullType(field.type))
          .map(({ name }) => `${type?.name}.${name}`),
      ),
    bad: "type Query { a: Int b: Int! }",
    caught: ["Query.b"],
  },
  {
    name: "a mutation takes one argument, input, and answers a payload of its own",
    explanation:
      "Both can grow without breaking anybody. Refreshing answers what signing in answers, and every operation answers itself.",
    offenders: (schema) =>
      Object.values(schema.getMutationType()?.getFields() ?? {})
        .filter(({ name, args, type }) => {
          const own = `${name.charAt(0).toUpperCase()}${name.slice(1)}`;
          const payload = SHARED_PAYLOADS[name] ?? `${own}Payload`;
          return (
            args.length !== 1 ||
            args[0]?.name !== "input" ||
            getNamedType(args[0].type).name !== `${own}Input` ||
            `${type}` !== payload
          );
        })
        .map(({ name }) => name),
    bad: "type Query { a: Int } input AInput { x: Int } type APayload { x: Int } type Mutation { a(input: AInput!): APayload b(id: ID!): APayload c(input: AInput): APayload }",
    caught: ["b", "c"],
  },
  {
    name: "what answers a connection pages, filters and orders",
    explanation: "Every list of rows is paged; none may grow without bound.",
    offenders: (schema) =>
      own(schema).flatMap((type) =>
        (isObjectType(type) ? Object.values(type.getFields()) : [])
          .filter((field) => getNamedType(field.type).name.endsWith("Connection"))
          .filter(({ args }) => args.map(({ name }) => name).join() !== "first,after,last,before,filter,orderBy")
          .map(({ name }) => `${type.name}.${name}`),
      ),
    bad: "type XConnection { a: Int } type Query { a(first: Int): XConnection b: Int }",
    caught: ["Query.a"],
  },
  {
    name: "the types that a root field finds by id are those of the interface Node",
    explanation: "Relay fetches any of them again by its nodeId, and a cache knows it by that alone.",
    offenders: (schema) => {
      const found = Object.values(schema.getQueryType()?.getFields() ?? {})
        .filter(({ args }) => args.some(({ name }) => name === "id"))
        .map(({ type }) => getNamedType(type).name);
      const node = schema.getType("Node");
      const nodes = isInterfaceType(node) ? schema.getPossibleTypes(node).map(({ name }) => name) : [];
      return [...found.filter((name) => !nodes.includes(name)), ...nodes.filter((name) => !found.includes(name))];
    },
    bad: `interface Node { nodeId: ID! } type A { id: ID! } type B implements Node { nodeId: ID! } type C implements Node { nodeId: ID! }
      type Query { a(id: ID!): A c(id: ID!): C bs: [B] }`,
    caught: ["A", "B"],
  },
];

describe.each(RULES)("$name", ({ offenders, explanation, bad, caught }) => {
  it("holds", () => expect(offenders(app.schema), explanation).toEqual([]));
  it("catches a bad example", () => expect(offenders(buildSchema(bad))).toEqual(caught));
});

it("says an before a vowel", () => {
  expect(printSchema(app.schema).match(/\ba (?!one\b)[aeio]\w+/gi)).toBeNull();
});

describe("what is promised is kept", () => {
  const promised = buildSchema(PROMISED + LISTS + WRITES + UPSERTS + OPERATORS);

  it("every type, field, argument and value has its promised name and type", () => {
    expect(missing(promised, app.schema)).toEqual([]);
  });

  it("nothing is required that was not", () => {
    expect(newlyRequired(promised, app.schema)).toEqual([]);
  });

  it("catches what is gone, renamed, of another type, or newly required", () => {
    const before = buildSchema(
      "type Query { a(x: Int): T b: Int c: E } type T { f: Int! } enum E { A B } input I { x: Int } type Mutation { m(i: I): Int }",
    );
    const after = buildSchema(
      "type Query { a(x: Float, z: Int!): T d: Int c: E } type T { f: Int } enum E { A } input I { x: Int y: Int! } type Mutation { m(i: I): Int }",
    );
    expect(missing(before, after)).toEqual(["Query.a(x: Int)", "Query.b: Int", "T.f: Int!", "E.B"]);
    expect(newlyRequired(before, after)).toEqual(["Query.a(z)", "I.y"]);
  });
});
