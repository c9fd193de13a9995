/** Calls the double as a client of AWS does: a form, signed with Signature Version 4. The signing is written here once more, from AWS's description. */
import { createHash, createHmac } from "node:crypto";
import type { AwsCredentials } from "../../../src/seed/aws-double/callers.js";

const sha = (data: string) => createHash("sha256").update(data).digest("hex");
const mac = (key: Buffer | string, data: string) => createHmac("sha256", key).update(data).digest();

interface Signing {
  readonly url: string;
  readonly credentials: AwsCredentials;
  readonly service?: "rds" | "sts";
  readonly region?: string;
  /** When it was signed. */
  readonly at?: Date;
  /** Changes the headers after they were signed. */
  readonly spoil?: (headers: Record<string, string>) => void;
  /** Changes the body after it was signed. */
  readonly spoilBody?: (body: string) => string;
}

export interface Answer {
  readonly status: number;
  readonly text: string;
  /** The text of the first element with this name, or null. */
  readonly get: (name: string) => string | null;
  /** The texts of all elements with this name. */
  readonly all: (name: string) => string[];
}

const unescaped = (text: string) =>
  text
    .replace(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code)))
    .replace(/&lt;/g, "<")
    .replace(/&gt;/g, ">")
    .replace(/&quot;/g, '"')
    .replace(/&amp;/g, "&");

export async function answerOf(response: Response): Promise<Answer> {
  const text = await response.text();
  const all = (name: string) =>
    [...text.matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, "g"))].map(([, value]) => unescaped(value!));
  return { status: response.status, text, all, get: (name) => all(name)[0] ?? null };
}

/** @param parameters as the query protocol names them; the version is added */
export async function signedCall(
  signing: Signing,
  action: string,
  parameters: Record<string, string> = {},
): Promise<Answer> {
  const { url, credentials, service = "rds", region = "eu-central-1", at = new Date() } = signing;
  const version = service === "rds" ? "2014-10-31" : "2011-06-15";
  const body = new URLSearchParams({ Action: action, Version: version, ...parameters }).toString();
  const amzDate = at.toISOString().replace(/[-:]|\.\d+/g, "");
  const day = amzDate.slice(0, 8);
  const headers: Record<string, string> = {
    "content-type": "application/x-www-form-urlencoded; charset=utf-8",
    host: new URL(url).host,
    "x-amz-date": amzDate,
    ...(credentials.sessionToken === undefined ? {} : { "x-amz-security-token": credentials.sessionToken }),
  };
  const names = Object.keys(headers).sort();
  const canonical = [
    "POST",
    "/",
    "",
    ...names.map((name) => `${name}:${headers[name]}`),
    "",
    names.join(";"),
    sha(body),
  ].join("\n");
  const scope = `${day}/${region}/${service}/aws4_request`;
  const toSign = `AWS4-HMAC-SHA256\n${amzDate}\n${scope}\n${sha(canonical)}`;
  const key = mac(mac(mac(mac(`AWS4${credentials.secretAccessKey}`, day), region), service), "aws4_request");
  headers.authorization =
    `AWS4-HMAC-SHA256 Credential=${credentials.accessKeyId}/${scope}, SignedHeaders=${names.join(";")}, ` +
    `Signature=${mac(key, toSign).toString("hex")}`;
  signing.spoil?.(headers);
  const { host, ...sent } = headers;
  return answerOf(await fetch(url, { method: "POST", headers: sent, body: signing.spoilBody?.(body) ?? body }));
}

/** @returns calls in one region, with the credentials of one caller */
export const callerOf =
  (url: string, credentials: AwsCredentials, region = "eu-central-1") =>
  (action: string, parameters?: Record<string, string>) =>
    signedCall({ url, credentials, region }, action, parameters);
