/** Seeds the demo: two organizations with users of every role and some weeks of data, which are the same at every first start. */

import { securityEvents } from "../audit/audit.table.js";
import { hashPassword } from "../auth/passwords.js";
import type { Db } from "../db/client.js";
import { chatSessions } from "../modules/data/chat/chat.table.js";
import { scans, vulnerabilities } from "../modules/data/scans/scans.table.js";
import { analyticsMetrics, performanceLogs } from "../modules/data/telemetry/telemetry.table.js";
import { organizations } from "../modules/identity/organizations/organizations.table.js";
import { users } from "../modules/identity/users/users.table.js";
import { accountToSeed, lockSeeds, type Seeding } from "./administrator.js";
import { seeds } from "./seeds.table.js";

const DEMO_DOMAIN = "demo.example";

const ORGANIZATIONS = [
  { name: "Harbour Bank", domain: DEMO_DOMAIN, subscriptionTier: "ENTERPRISE" },
  { name: "Lighthouse Clinic", domain: `clinic.${DEMO_DOMAIN}`, subscriptionTier: "PRO" },
] as const;

/** `organization` is an index of ORGANIZATIONS; null for staff. */
const USERS = [
  { email: "viewer", fullName: "Vera Viewer", role: "VIEWER", organization: 0 },
  { email: "analyst", fullName: "Anton Analyst", role: "ANALYST", organization: 0 },
  { email: "dba", fullName: "Dora Base", role: "DBA", organization: null },
  { email: "security", fullName: "Sina Secure", role: "SECURITY", organization: null },
  { email: "admin", fullName: "Ada Admin", role: "ADMIN", organization: null },
  { email: "viewer.clinic", fullName: "Viktor Viewer", role: "VIEWER", organization: 1 },
  { email: "analyst.clinic", fullName: "Anja Analyst", role: "ANALYST", organization: 1 },
] as const;

const SCANS_PER_ORGANIZATION = 30;
const SCAN_TYPES = ["FULL", "QUICK", "API", "NETWORK", "COMPLIANCE"] as const;
const STATUSES = ["COMPLETED", "COMPLETED", "COMPLETED", "RUNNING", "FAILED", "PENDING"] as const;
const FINDINGS = [
  { severity: "CRITICAL", vulnType: "SQL_INJECTION", title: "SQL injection in the search form" },
  { severity: "HIGH", vulnType: "XSS", title: "Stored cross-site scripting in comments" },
  { severity: "HIGH", vulnType: "SSRF", title: "Server-side requests through the image proxy" },
  { severity: "MEDIUM", vulnType: "CSRF", title: "Missing request token on the profile page" },
  { severity: "MEDIUM", vulnType: "WEAK_TLS", title: "TLS 1.0 is still offered" },
  { severity: "LOW", vulnType: "OPEN_REDIRECT", title: "Open redirect after sign-in" },
  { severity: "INFO", vulnType: "VERSION_DISCLOSURE", title: "The server header tells its version" },
] as const;
const EVENTS = [
  { eventType: "authn_login_success", eventStatus: "SUCCESS" },
  { eventType: "authn_login_fail", eventStatus: "FAILURE" },
  { eventType: "session_created", eventStatus: "SUCCESS" },
  { eventType: "authz_fail", eventStatus: "FAILURE" },
  { eventType: "excess_rate_limit_exceeded", eventStatus: "WARNING" },
  { eventType: "malicious_sqli", eventStatus: "WARNING" },
] as const;
const CITIES = [
  { country: "NL", city: "Rotterdam" },
  { country: "DE", city: "Hamburg" },
  { country: "JP", city: "Yokohama" },
] as const;

const HOUR_MS = 3_600_000;
/** All moments count from here, so that the data is the same whenever it is seeded. */
const START_MS = Date.parse("2026-01-05T08:00:00Z");
const at = (hours: number) => new Date(START_MS + hours * HOUR_MS).toISOString();

/** @returns the item of a list for a number; neighbouring numbers get different items */
const pick = <T>(list: readonly T[], n: number): T => list[(n * 11 + 3) % list.length] as T;

const range = (count: number) => Array.from({ length: count }, (_, index) => index);

/** Seeds the demo once, and never again even if its rows were changed or deleted. */
export function ensureDemo(db: Db, configuredPassword: string | undefined, seeding: Seeding): Promise<void> {
  return db.transaction(async (db) => {
    await lockSeeds(db);
    const claimed = await db.insert(seeds).values({ name: "demo" }).onConflictDoNothing().returning();
    if (claimed.length === 0) return;
    const admin = { email: `admin@${DEMO_DOMAIN}`, password: configuredPassword };
    const account = await accountToSeed("DEMO_PASSWORD", admin, seeding);
    const passwordHash = await hashPassword(account.password);
    const tenants = await db
      .insert(organizations)
      .values(ORGANIZATIONS.map((organization) => ({ ...organization, createdAt: at(0) })))
      .returning({ id: organizations.id });
    const accounts = await db
      .insert(users)
      .values(
        USERS.map(({ email, organization, ...user }, n) => ({
          ...user,
          email: `${email}@${DEMO_DOMAIN}`,
          passwordHash,
          organizationId: organization === null ? null : (tenants[organization]?.id ?? null),
          createdAt: at(1 + n),
        })),
      )
      .returning({ id: users.id });
    for (const [n, { id }] of tenants.entries()) await seedOrganization(db, id, n);
    await seedStaffData(
      db,
      tenants[0]!.id,
      accounts.map(({ id }) => id),
    );
    seeding.announce(account);
  });
}

async function seedOrganization(db: Db, organizationId: bigint, n: number): Promise<void> {
  const inserted = await db
    .insert(scans)
    .values(
      range(SCANS_PER_ORGANIZATION).map((index) => ({
        organizationId,
        targetUrl: `https://app${(index % 5) + 1}.${ORGANIZATIONS[n]!.domain}/`,
        scanType: pick(SCAN_TYPES, index),
        status: pick(STATUSES, index + n),
        startedAt: at(24 + index * 20 + n),
        createdAt: at(24 + index * 20 + n),
      })),
    )
    .returning({ id: scans.id });
  await db.insert(vulnerabilities).values(
    inserted.flatMap(({ id: scanId }, index) =>
      range((index + n) % 6).map((finding) => ({
        scanId,
        ...pick(FINDINGS, index + finding * 2),
        description: "Update the component, and check the input where it enters.",
        createdAt: at(25 + index * 20 + n),
      })),
    ),
  );
  await db.insert(analyticsMetrics).values(
    range(48).map((index) => ({
      organizationId,
      metricType: pick(["open_vulnerabilities", "scan_duration_seconds", "risk_score"], index),
      value: 10 + ((index * 37 + n * 11) % 90),
      recordedAt: at(30 + index * 12),
    })),
  );
}

async function seedStaffData(db: Db, organizationId: bigint, userIds: readonly bigint[]): Promise<void> {
  await db.insert(chatSessions).values(
    range(6).map((index) => ({
      userId: userIds[index % 2] as bigint,
      sessionId: `demo-${Math.floor(index / 3) + 1}`,
      message: pick(
        ["Which scans failed this week?", "What is our riskiest application?", "Explain the SSRF finding."],
        index,
      ),
      response: index === 5 ? null : "See the list of scans, newest first.",
      timestamp: at(200 + index),
    })),
  );
  await db.insert(performanceLogs).values(
    range(60).map((index) => ({
      organizationId: index % 3 === 0 ? null : organizationId,
      serviceName: pick(["graphql", "scanner", "reports"], index),
      endpoint: pick(["/graphql", "/scan", "/report"], index),
      responseTimeMs: 5 + ((index * 29) % 180),
      timestamp: at(300 + index),
    })),
  );
  await db.insert(securityEvents).values(
    range(40).map((index) => ({
      ...pick(EVENTS, index),
      ipAddress: `203.0.113.${(index * 13) % 250}`,
      userId: index % 4 === 0 ? null : (userIds[index % userIds.length] as bigint),
      userAgent: "Mozilla/5.0 (X11; Linux x86_64)",
      location: pick(CITIES, index),
      metadata: { demo: true },
      reportedBy: { type: "system", name: "demo" },
      createdAt: at(400 + index * 3),
    })),
  );
}
