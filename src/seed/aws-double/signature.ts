/** Checks the signature of a request (AWS Signature Version 4, in the header Authorization). */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { AwsFault } from "./aws-fault.js";

const ALGORITHM = "AWS4-HMAC-SHA256";
const MAX_AGE_MS = 15 * 60_000;

interface SignedRequest {
  readonly method: string;
  /** The path, and the query where there is one. */
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** What a request says of its signature, before anything of it is checked. */
export interface SignatureClaim {
  readonly accessKeyId: string;
  readonly sessionToken: string | undefined;
  readonly region: string;
  readonly service: string;
  /** @throws SignatureDoesNotMatch, RequestExpired */
  verify(secretAccessKey: string): void;
}

const incomplete = (message: string) => new AwsFault("IncompleteSignature", message);
const mismatch = (message: string) => new AwsFault("SignatureDoesNotMatch", message, 403);
const hash = (data: string | Buffer) => createHash("sha256").update(data).digest("hex");
const hmac = (key: string | Buffer, text: string) => createHmac("sha256", key).update(text).digest();

/** @returns the text as RFC 3986 encodes it */
const encoded = (text: string) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);

function canonicalQuery(query: string): string {
  const pairs = [...new URLSearchParams(query)].map(([name, value]) => `${encoded(name)}=${encoded(value)}`);
  return pairs.sort().join("&");
}

const headerText = (headers: IncomingHttpHeaders, name: string) => [headers[name] ?? ""].flat().join(",");

function canonicalRequest({ method, target, headers, body }: SignedRequest, signedHeaders: readonly string[]): string {
  const [path = "/", query = ""] = target.split("?", 2);
  const lines = signedHeaders.map((name) => `${name}:${headerText(headers, name).trim().replace(/\s+/g, " ")}\n`);
  const canonicalPath = path.split("/").map(encoded).join("/");
  return [method, canonicalPath, canonicalQuery(query), lines.join(""), signedHeaders.join(";"), hash(body)].join("\n");
}

/** @returns the moment of `yyyymmddThhmmssZ`; NaN for another text */
function momentOf(text: string): number {
  const parts = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  return parts ? Date.parse(`${parts[1]}-${parts[2]}-${parts[3]}T${parts[4]}:${parts[5]}:${parts[6]}Z`) : Number.NaN;
}

/** @throws MissingAuthenticationToken, IncompleteSignature */
export function readSignature(request: SignedRequest): SignatureClaim {
  const { headers } = request;
  const authorization = headers.authorization;
  if (authorization === undefined)
    throw new AwsFault("MissingAuthenticationToken", "Request is missing Authentication Token", 403);
  const parts = new Map(
    [...authorization.replace(/^\S+\s*/, "").matchAll(/(\w+)=([^,\s]+)/g)].map(([, name, value]) => [name!, value!]),
  );
  const scope = parts.get("Credential")?.split("/") ?? [];
  const [accessKeyId = "", day = "", region = "", service = "", terminator] = scope;
  const signedHeaders = parts.get("SignedHeaders")?.split(";") ?? [];
  const signature = parts.get("Signature") ?? "";
  if (!authorization.startsWith(`${ALGORITHM} `)) throw incomplete(`Unsupported algorithm: use ${ALGORITHM}.`);
  if (scope.length !== 5 || terminator !== "aws4_request" || signedHeaders.length === 0 || signature === "")
    throw incomplete("Authorization header requires 'Credential', 'SignedHeaders' and 'Signature' parameters.");
  const date = headerText(headers, "x-amz-date");
  const signedAt = momentOf(date);
  if (Number.isNaN(signedAt)) throw incomplete("Authorization header requires existence of an 'X-Amz-Date' header.");
  const sessionToken = headerText(headers, "x-amz-security-token") || undefined;

  return {
    accessKeyId,
    sessionToken,
    region,
    service,
    verify(secretAccessKey) {
      const needed = ["host", "x-amz-date", ...(sessionToken === undefined ? [] : ["x-amz-security-token"])];
      const unsigned = needed.filter((name) => !signedHeaders.includes(name));
      if (unsigned.length > 0) throw mismatch(`'${unsigned.join("' and '")}' must be signed.`);
      const credentialScope = `${day}/${region}/${service}/aws4_request`;
      const text = [ALGORITHM, date, credentialScope, hash(canonicalRequest(request, signedHeaders))].join("\n");
      const key = [day, region, service, "aws4_request"].reduce<string | Buffer>(hmac, `AWS4${secretAccessKey}`);
      const expected = Buffer.from(hmac(key, text).toString("hex"));
      const given = Buffer.from(signature);
      if (day !== date.slice(0, 8) || given.length !== expected.length || !timingSafeEqual(given, expected))
        throw mismatch(
          "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key " +
            "and signing method. Consult the service documentation for details.",
        );
      // The signer's clock is the machine's, however far tests have moved the double's.
      const age = Date.now() - signedAt;
      if (Math.abs(age) > MAX_AGE_MS)
        throw new AwsFault(
          "RequestExpired",
          age > 0
            ? `Signature expired: ${date} is more than 15 minutes ago.`
            : `Signature not yet current: ${date} is more than 15 minutes in the future.`,
        );
    },
  };
}
