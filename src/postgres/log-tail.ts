/** Reads the last lines of a cluster's log for people, without secrets. */
import type { FileHandle } from "node:fs/promises";
import { LOG_REDACTED } from "../log.js";
import type { Cluster } from "./cluster.js";
import { withFile } from "./owned-file.js";

const TAIL_BYTES = 262_144;
const MAX_LINE = 2_000;

/**
 * Finds secrets in statements, connection strings and keys; what stands before a secret is kept. Database users can write any text
 * into a log, so each pattern runs in linear time.
 */
const SECRETS: readonly [RegExp, string][] = [
  [/(-----BEGIN [A-Z ]*PRIVATE KEY-----)[\s\S]*?(-----END|$)/g, `$1${LOG_REDACTED}$2`],
  [/(\bpassword\s+(?:=\s*)?)(?:E?'(?:[^'\\]|''|\\.)*(?:'|$)|\$(\w*)\$[\s\S]*?(?:\$\2\$|$))/gi, `$1${LOG_REDACTED}`],
  [
    /((?:password|passwd|passphrase|secret|token)["']?\s*[=:]\s*)(?:"[^"]*"?|'[^']*'?|[^\s"',;]+)/gi,
    `$1${LOG_REDACTED}`,
  ],
  [/\bSCRAM-SHA-256\$\S+|\bmd5[0-9a-f]{32}\b/gi, LOG_REDACTED],
];

/** Finds a password in a URL. Without an `@` behind it, it is none; it is matched all the same, so that it is read only once. */
const IN_URL = /(:\/\/[^\s:/@]*:)[^\s@]+(@?)/g;

/** @param knownSecrets secrets that are removed wherever they stand */
export function withoutSecretsOfLog(text: string, knownSecrets: readonly string[] = []): string {
  const plain = knownSecrets.filter(Boolean).reduce((rest, secret) => rest.replaceAll(secret, LOG_REDACTED), text);
  const urls = plain.replace(IN_URL, (complete, before, end) => (end ? `${before}${LOG_REDACTED}@` : complete));
  return SECRETS.reduce((rest, [pattern, instead]) => rest.replace(pattern, instead), urls);
}

/** @returns the last lines of the log, the oldest first; none where the log is missing or cannot be read */
export async function logTail(
  { logFile }: Pick<Cluster, "logFile">,
  lines: number,
  knownSecrets: readonly string[] = [],
): Promise<string[]> {
  const read = async (file: FileHandle) => {
    const { size } = await file.stat();
    const start = Math.max(0, size - TAIL_BYTES);
    const { bytesRead, buffer } = await file.read(Buffer.alloc(Math.min(size, TAIL_BYTES)), 0, undefined, start);
    const all = withoutSecretsOfLog(buffer.subarray(0, bytesRead).toString(), knownSecrets).split("\n");
    // The first line may have lost its beginning.
    const whole = all.slice(start > 0 ? 1 : 0).filter((line) => line.trim() !== "");
    return whole.slice(Math.max(0, whole.length - lines)).map((line) => line.slice(0, MAX_LINE).toWellFormed());
  };
  return withFile(logFile, read).catch(() => []);
}

/** @returns the last error in the lines, without its time and process */
export function lastComplaintInLog(lines: readonly string[]): string | null {
  const line = lines.findLast((candidate) => /\b(?:FATAL|PANIC|ERROR): {2}/.test(candidate));
  return line === undefined ? null : line.slice(line.search(/\b(?:FATAL|PANIC|ERROR): {2}/)).replace(": \x20", ": ");
}
