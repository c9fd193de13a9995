/** The actions of STS: who am I, and a session of a role. */
import { accessDenied, validationError } from "./aws-fault.js";
import type { CallParameters } from "./call-parameters.js";
import type { AwsCaller, AwsCallers } from "./callers.js";
import type { XmlObject } from "./xml.js";

const ROLE_ARN = /^arn:aws:iam::(\d{12}):role\/((?:[\w+=,.@-]+\/)*)([\w+=,.@-]{1,64})$/;
const DEFAULT_SECONDS = 3600;
const MIN_SECONDS = 900;
const MAX_SECONDS = 43_200;

type StsAction = (callers: AwsCallers, caller: AwsCaller, parameters: CallParameters) => XmlObject;

function required(parameters: CallParameters, name: string): string {
  const value = parameters.text(name);
  if (value !== undefined) return value;
  const member = name[0]!.toLowerCase() + name.slice(1);
  throw validationError(
    `1 validation error detected: Value null at '${member}' failed to satisfy constraint: Member must not be null`,
  );
}

const unfit = (member: string, constraint: string) =>
  validationError(`1 validation error detected: Value at '${member}' failed to satisfy constraint: ${constraint}`);

const assumeRole: StsAction = (callers, caller, parameters) => {
  const arn = required(parameters, "RoleArn");
  const sessionName = required(parameters, "RoleSessionName");
  if (!/^[\w+=,.@-]{2,64}$/.test(sessionName))
    throw unfit("roleSessionName", "Member must have 2 to 64 characters of the pattern: [\\w+=,.@-]*");
  const externalId = parameters.text("ExternalId");
  if (externalId !== undefined && !/^[\w+=,.@:/-]{2,1224}$/.test(externalId))
    throw unfit("externalId", "Member must have 2 to 1224 characters of the pattern: [\\w+=,.@:\\/-]*");
  const seconds = parameters.whole("DurationSeconds") ?? DEFAULT_SECONDS;
  if (seconds < MIN_SECONDS || seconds > MAX_SECONDS)
    throw unfit("durationSeconds", `Member must have value from ${MIN_SECONDS} to ${MAX_SECONDS}`);
  const [, accountId = "", , name = ""] = ROLE_ARN.exec(arn) ?? [];
  if (accountId === "") throw validationError(`${arn} is invalid`);
  const role = callers.findRole(accountId, name);
  if (!role || (role.externalId !== undefined && role.externalId !== externalId))
    throw accessDenied(`User: ${caller.arn} is not authorized to perform: sts:AssumeRole on resource: ${arn}`);
  if (caller.isSession && seconds > 3600)
    throw validationError(
      "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
    );
  if (seconds > (role.maxSessionSeconds ?? DEFAULT_SECONDS))
    throw validationError("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.");
  const session = callers.openSession(accountId, name, sessionName, seconds);
  return {
    AssumedRoleUser: { AssumedRoleId: session.userId, Arn: session.arn },
    Credentials: {
      AccessKeyId: session.accessKeyId,
      SecretAccessKey: session.secretAccessKey,
      SessionToken: session.sessionToken,
      // The caller's clock is the machine's, however far tests have moved the double's.
      Expiration: new Date(Date.now() + seconds * 1000),
    },
  };
};

const getCallerIdentity: StsAction = (_callers, caller) => ({
  Arn: caller.arn,
  UserId: caller.userId,
  Account: caller.accountId,
});

export const STS_ACTIONS: Readonly<Record<string, StsAction>> = {
  AssumeRole: assumeRole,
  GetCallerIdentity: getCallerIdentity,
};
