/** The names and types of the API that clients rely on, as they were promised to them. */
import { LISTS, OPERATORS, UPSERTS, WRITES } from "./promised-families.js";

/** What is particular to each type. The schema may hold more than this, never less, and never under other names. */
const PARTICULAR = /* GraphQL */ `
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

/** The public promise. The schema may hold more than this, never less, and never under other names. */
export const PROMISED = PARTICULAR + LISTS + WRITES + UPSERTS + OPERATORS;
