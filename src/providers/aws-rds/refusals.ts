/** Says what a fault of AWS means: whether anything was done, whether to ask again, and what people may read of it. */
import { type AppError, providerUnavailable } from "../../errors.js";
import type { ProviderFailure } from "../provider.js";

/** Why a scope does not answer. */
export type UnavailabilityCode =
  | "AccessDenied"
  | "Throttled"
  | "CredentialsExpired"
  | "CredentialsMissing"
  | "Unreachable"
  | "TimedOut"
  | "CutOff"
  /** Something answers that is not AWS, such as a proxy with a page of HTML. */
  | "NotAnAnswer"
  /** The credentials are those of another account. */
  | "WrongAccount"
  /** AWS does not take what Postern asks. */
  | "Refused"
  /** AWS has a fault of its own. */
  | "ServiceFailure";

interface AwsFault {
  readonly name?: string;
  readonly message?: string;
  /** AWS's own code, or that of Node for a connection. */
  readonly Code?: string;
  readonly code?: string;
  /** What Node was doing on the connection. */
  readonly syscall?: string;
  /** The faults of all addresses that were tried. */
  readonly errors?: readonly AwsFault[];
  /** Whether it is one of the credentials. */
  readonly isUnsent?: boolean;
  readonly RequestId?: string;
  readonly $metadata?: { readonly httpStatusCode?: number; readonly requestId?: string };
}

const EXPIRED = new Set(["ExpiredToken", "ExpiredTokenException", "RequestExpired"]);
const THROTTLED = new Set([
  ...["Throttling", "ThrottlingException", "ThrottledException", "RequestLimitExceeded", "RequestThrottled"],
  ...["RequestThrottledException", "TooManyRequestsException", "SlowDown", "BandwidthLimitExceeded"],
]);
const DENIED = new Set([
  ...["AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "NotAuthorized", "AuthFailure"],
  ...["InvalidClientTokenId", "SignatureDoesNotMatch", "UnrecognizedClientException", "IncompleteSignature"],
  ...["MissingAuthenticationToken", "OptInRequired", "RegionDisabledException", "InvalidAccessKeyId"],
]);
/** The resource is busy, or the clocks differ, which the SDK has learnt by then. Nothing was done. */
const PASSING = new Set([
  ...["InvalidDBInstanceState", "InvalidDBClusterStateFault", "InvalidDBClusterState", "InvalidDBInstanceStateFault"],
  ...["RequestTimeTooSkewed", "RequestInTheFuture", "ClockSkewExceeded", "SnapshotCreationInProgress"],
]);
/** The connection was never made, so AWS has not heard of it. */
const UNSENT = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH", "EACCES"]);
/** Whether the connection was not made. One that was made may end with the same codes, after AWS has heard. */
function isUnconnected({ code, syscall, errors }: AwsFault): boolean {
  if (errors && errors.length > 0) return errors.every(isUnconnected);
  return code !== undefined && UNSENT.has(code) && (syscall === "connect" || syscall === "getaddrinfo");
}
const MAX_MESSAGE = 500;

export const isExpiredCode = (code: string | null): boolean => code !== null && EXPIRED.has(code);

const CODE = /^[A-Za-z][\w.]{0,99}$/;
const KEY = /\b(AKIA|ASIA|AROA|AIDA)[A-Z0-9]{12,}\b/g;

/** @returns AWS's code of a fault, or null where AWS has not said it; a text that is no code is not repeated: the status tells what it means */
export function awsCodeOf(error: unknown): string | null {
  const { Code: code } = error as AwsFault;
  if (typeof code !== "string" || code === "") return null;
  return CODE.test(code) && code.search(KEY) < 0 ? code : "UnknownError";
}

const isOurs = (arn: string, accountId: string) => arn.split(":")[4] === accountId || arn.split(":")[4] === "";

/** @returns what AWS says, without ids of requests, keys, encoded details, and ARNs of other accounts */
export function cleanAwsMessage(text: string, accountId: string): string {
  const clean = text
    .replace(/\s*Deserialization error: to see the raw response[^\n]*/g, "")
    .replace(/\s*\(?(Service: [^;)]*; )?(Status Code: \d+; )?(AWS )?Request ?ID:? [\w-]+\)?/gi, "")
    .replace(/\s*Encoded authorization failure message:.*/gis, "")
    .replace(/arn:aws[\w-]*:[^\s,;()'"]*/g, (arn) => (isOurs(arn, accountId) ? arn : "(a resource of another account)"))
    .replace(/\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/gi, "")
    .replace(KEY, "(a key)")
    .replace(/\s+/g, " ")
    .toWellFormed()
    .replaceAll("\0", "")
    .trim();
  return clean.length > MAX_MESSAGE ? `${clean.slice(0, MAX_MESSAGE - 1)}…` : clean;
}

function unavailabilityOf(error: AwsFault, code: string | null, text: string): [UnavailabilityCode, string] {
  if (code !== null) {
    const said = `AWS answers ${code}${text ? `: ${text}` : "."}`;
    if (EXPIRED.has(code)) return ["CredentialsExpired", `${said} See where Postern has its AWS credentials from.`];
    if (THROTTLED.has(code)) return ["Throttled", `${said} It is asked again.`];
    if (DENIED.has(code)) return ["AccessDenied", `${said} See the role's trust and its policy.`];
    const { httpStatusCode: status = 500 } = error.$metadata ?? {};
    return [status >= 400 && status < 500 && !PASSING.has(code) ? "Refused" : "ServiceFailure", said];
  }
  if (error.name === "CredentialsProviderError" || error.name === "TokenProviderError")
    return [
      "CredentialsMissing",
      "There are no AWS credentials. See the AWS_ variables, or give the account a roleArn.",
    ];
  if (error.code && UNSENT.has(error.code))
    return [
      "Unreachable",
      `AWS cannot be reached (${error.code}). See the network, the region's name and HTTPS_PROXY.`,
    ];
  if (error.code === "ECONNRESET" || error.code === "EPIPE")
    return ["CutOff", "The connection to AWS ended before its answer did. It is asked again."];
  if (error.name === "TimeoutError" || error.name === "AbortError" || error.code === "ETIMEDOUT")
    return ["TimedOut", "AWS has not answered in time. It is asked again."];
  return ["NotAnAnswer", "Something answers that is not AWS. See HTTPS_PROXY, AWS_ENDPOINT_URL and the network."];
}

/** @returns the fault as UNAVAILABLE, with its code and a text for people; nothing of the SDK's error is kept but its request id */
export function asUnavailable(error: unknown, accountId: string): AppError {
  if (isUnavailable(error)) return error;
  const fault = error as AwsFault;
  const [code, message] = unavailabilityOf(fault, awsCodeOf(fault), textOf(fault, accountId));
  const requestId = fault.$metadata?.requestId ?? fault.RequestId;
  const awsCode = awsCodeOf(fault);
  return providerUnavailable(code, message, Object.assign(new Error(message), { requestId, awsCode }));
}

const isUnavailable = (error: unknown): error is AppError => (error as AppError).code === "UNAVAILABLE";

const textOf = ({ message }: AwsFault, accountId: string) => {
  const text = cleanAwsMessage(typeof message === "string" ? message : "", accountId);
  return text === "" || /[.!?…]$/.test(text) ? text : `${text}.`;
};

/** @returns AWS's code of a fault that `asUnavailable` made, or null */
export const awsCodeBehind = (error: unknown): string | null =>
  (error as { cause?: { awsCode?: string | null } }).cause?.awsCode ?? null;

export const notAnAnswer = (accountId: string): AppError =>
  asUnavailable(new SyntaxError("No answer of AWS"), accountId);

/** A refusal of AWS, which has done nothing then. */
export interface AwsRefusal {
  readonly failure: ProviderFailure;
  /** Whether it may be otherwise later, so that it is asked again. */
  readonly isPassing: boolean;
}

/** @returns the refusal, or null where it may have been done all the same */
export function refusalOf(error: unknown, accountId: string): AwsRefusal | null {
  const fault = error as AwsFault;
  const code = awsCodeOf(fault);
  const text = textOf(fault, accountId);
  if (code === null) {
    if (!fault.isUnsent && !isUnconnected(fault)) return null;
    const [unavailable, message] = unavailabilityOf(fault, code, text);
    return { failure: { code: unavailable, message }, isPassing: true };
  }
  const failure = { code, message: text === "" ? `AWS answers ${code}.` : text };
  if (THROTTLED.has(code) || PASSING.has(code) || EXPIRED.has(code)) return { failure, isPassing: true };
  const status = fault.$metadata?.httpStatusCode ?? 500;
  if (status >= 400 && status < 500) return { failure, isPassing: false };
  return fault.isUnsent ? { failure, isPassing: true } : null;
}
