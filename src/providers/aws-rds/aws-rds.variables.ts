/** Defines and checks the AWS accounts whose RDS instances Postern sees and operates. */
import { z } from "zod";
import { countVariable, jsonVariable, variables } from "../../values/variables.js";

const MAX_ACCOUNTS = 100;
const MAX_REGIONS = 40;

const awsAccount = z
  .strictObject({
    accountId: z.string().regex(/^\d{12}$/, "is the 12 digits of an AWS account"),
    name: z.string().min(1).max(100).nullable().default(null),
    regions: z
      .array(z.string().regex(/^[a-z]{2}(-[a-z]{2,10}){1,3}-\d{1,2}$/, "is a region such as eu-central-1"))
      .min(1)
      .max(MAX_REGIONS)
      .refine((regions) => new Set(regions).size === regions.length, "names a region twice"),
    roleArn: z
      .string()
      .max(2048)
      .regex(/^arn:aws[a-z-]*:iam::\d{12}:role\/[\w+=,.@/-]+$/, "is the ARN of a role")
      .optional(),
    externalId: z
      .string()
      .min(2)
      .max(1224)
      .regex(/^[\w+=,.@:/-]+$/, "has letters, digits and _+=,.@:/- only")
      .optional(),
  })
  .superRefine(({ accountId, roleArn, externalId }, context) => {
    const fault = (field: string, message: string) => context.addIssue({ code: "custom", path: [field], message });
    if (roleArn?.split(":")[4] !== (roleArn && accountId)) fault("roleArn", "is a role of another account");
    if (externalId !== undefined && roleArn === undefined) fault("externalId", "needs a roleArn");
  });

/** An account, its regions, and how it is entered. */
export type AwsAccountSettings = z.output<typeof awsAccount>;

const awsAccounts = z
  .array(awsAccount)
  .max(MAX_ACCOUNTS)
  .superRefine((accounts, context) => {
    const seen = new Set<string>();
    for (const [index, { accountId }] of accounts.entries()) {
      if (seen.has(accountId))
        context.addIssue({ code: "custom", path: [index, "accountId"], message: "is given twice" });
      seen.add(accountId);
    }
    const own = accounts.flatMap(({ roleArn }, index) => (roleArn === undefined ? [index] : []));
    for (const index of own.slice(1))
      context.addIssue({
        code: "custom",
        path: [index, "roleArn"],
        message: "is needed: the default credentials are those of one account",
      });
  });

export const awsRdsVariables = variables(
  {
    AWS_ACCOUNTS: jsonVariable
      .pipe(awsAccounts)
      .prefault("[]")
      .describe(
        "AWS accounts with RDS, as JSON: `accountId`, `name`, `regions`, `roleArn`, `externalId`; see [aws-rds](src/providers/aws-rds/README.md).",
      ),
    AWS_DISCOVERY_MINUTES: countVariable(1, 60)
      .prefault("5")
      .describe("How often the instances in AWS are listed; those with operations are looked at each minute."),
    AWS_SNAPSHOTS_MINUTES: countVariable(1, 1440)
      .prefault("60")
      .describe("How often the snapshots in AWS are listed; those of an instance also after its operations."),
  },
  ({ AWS_ACCOUNTS, AWS_DISCOVERY_MINUTES, AWS_SNAPSHOTS_MINUTES }) => ({
    awsAccounts: AWS_ACCOUNTS as readonly AwsAccountSettings[],
    awsDiscovery: { everySeconds: AWS_DISCOVERY_MINUTES * 60, snapshotsEverySeconds: AWS_SNAPSHOTS_MINUTES * 60 },
  }),
);
