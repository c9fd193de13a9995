/** The demo's AWS: a double with two accounts and a dozen instances, for people who have no account there. Everything in it is simulated. */
import type { AwsAccountSettings } from "../providers/aws-rds/aws-rds.variables.js";
import { SIMULATED_TAG } from "../values/instances.js";
import { startAwsDouble } from "./aws-double/aws-double.js";
import type { AwsCredentials } from "./aws-double/callers.js";
import type { NewRegionCluster, NewRegionInstance } from "./aws-double/new-resources.js";

/** They are there since then, whenever the demo starts, so that each start finds the same instances. */
const CREATED_AT = new Date("2026-01-05T08:00:00Z");

interface DemoAccount {
  /** One that AWS's documentation uses, so that it is nobody's. */
  readonly id: string;
  readonly name: string;
  readonly regions: Readonly<
    Record<
      string,
      { readonly instances: readonly NewRegionInstance[]; readonly clusters?: readonly NewRegionCluster[] }
    >
  >;
}

/** The tags name environments in every style that is in use. */
const ACCOUNTS: readonly DemoAccount[] = [
  {
    id: "111122223333",
    name: "harbour-retail",
    regions: {
      "eu-central-1": {
        instances: [
          {
            identifier: "orders-mysql-prod",
            engine: "mysql",
            instanceClass: "db.r6g.xlarge",
            allocatedStorage: 500,
            multiAz: true,
            backupWindow: "02:00-02:30",
            retentionDays: 14,
            deletionProtection: true,
            tags: { Environment: "Production", Owner: "Orders", CostCenter: "4711" },
          },
          {
            identifier: "orders-mysql-test",
            engine: "mysql",
            backupWindow: "01:00-01:30",
            tags: { environment: "test", "elasticbeanstalk:environment-name": "orders-test", Owner: "Orders" },
          },
          {
            identifier: "ledger-oracle",
            engine: "oracle-ee",
            instanceClass: "db.r5.2xlarge",
            allocatedStorage: 1000,
            multiAz: true,
            maintenanceWindow: "sat:23:30-sun:00:30",
            retentionDays: 35,
            deletionProtection: true,
            tags: { ENV: "PROD", Application: "Ledger", DataClassification: "confidential" },
          },
          {
            identifier: "ledger-oracle-uat",
            engine: "oracle-ee",
            instanceClass: "db.r5.large",
            multiAz: true,
            tags: { "SDLC Stage": "UAT", Stage: "uat", Application: "Ledger" },
          },
        ],
        clusters: [
          {
            identifier: "billing",
            engine: "aurora-postgresql",
            tags: { Stage: "prd", Owner: "Billing" },
            members: [
              { identifier: "billing-1", instanceClass: "db.r6g.large", tags: { Stage: "prd" } },
              // Its cluster alone tells that it is production.
              { identifier: "billing-2", instanceClass: "db.r6g.large", tags: { Owner: "Billing" } },
            ],
          },
        ],
      },
      "us-east-1": {
        instances: [
          {
            identifier: "analytics-dev",
            engine: "postgres",
            backupWindow: "06:00-06:30",
            tags: { Env: "dev", "harbour:environment": "development", Schedule: "office-hours" },
          },
          {
            identifier: "erp-sqlserver",
            engine: "sqlserver-se",
            instanceClass: "db.m5.large",
            allocatedStorage: 200,
            tags: { Tier: "sandbox", Owner: "ERP" },
          },
        ],
      },
    },
  },
  {
    id: "444455556666",
    name: "harbour-labs",
    regions: {
      "eu-west-1": {
        instances: [
          // The tag and the name disagree, so that it counts as production until somebody settles it.
          { identifier: "reports-prod-copy", engine: "postgres", tags: { env: "qa", Owner: "Reports" } },
          // Nothing but the default classifies it.
          { identifier: "wiki", engine: "postgres", instanceClass: "db.t4g.micro", allocatedStorage: 20 },
        ],
        clusters: [
          {
            identifier: "search",
            engine: "aurora-mysql",
            tags: { "app:environment": "staging", stage: "stg" },
            members: [
              { identifier: "search-1", tags: { "app:environment": "staging", stage: "stg" } },
              // Where `environment` is a code of the region, `stage` is what counts.
              { identifier: "search-2", tags: { environment: "euw1", stage: "stg" } },
            ],
          },
        ],
      },
    },
  },
];

const ROLE = "postern";
const EXTERNAL_ID = "postern-demo";

interface DemoAws {
  readonly accounts: readonly AwsAccountSettings[];
  /** Where it listens, and the key of who may assume the accounts' roles. */
  readonly standIn: { readonly url: string; readonly credentials: AwsCredentials };
  stop(): Promise<void>;
}

const simulated = <T extends { readonly tags?: Readonly<Record<string, string>> }>(resource: T) => ({
  ...resource,
  tags: { ...resource.tags, [SIMULATED_TAG.key]: SIMULATED_TAG.value },
  createdAt: CREATED_AT,
});

/** Starts the double on this host, with time as it passes. */
export async function startDemoAws(): Promise<DemoAws> {
  const roles = [{ name: ROLE, externalId: EXTERNAL_ID }];
  const double = await startAwsDouble({ accounts: ACCOUNTS.map(({ id }) => ({ id, roles })) });
  for (const { id, regions } of ACCOUNTS)
    for (const [name, { instances, clusters = [] }] of Object.entries(regions)) {
      const region = double.region(id, name);
      for (const instance of instances) region.addInstance(simulated(instance));
      for (const cluster of clusters) {
        const members = cluster.members?.map(simulated);
        region.addCluster({ ...simulated(cluster), members });
      }
      region.addPastBackups();
    }
  const { url, credentials, stop } = double;
  return {
    standIn: { url, credentials },
    stop,
    accounts: ACCOUNTS.map(({ id, name, regions }) => ({
      accountId: id,
      name,
      regions: Object.keys(regions),
      roleArn: `arn:aws:iam::${id}:role/${ROLE}`,
      externalId: EXTERNAL_ID,
    })),
  };
}
