/** The end of a cluster's log, for people: so many lines of a bounded end, without secrets. */
import type { FileHandle } from "node:fs/promises";
import { REDACTED } from "../log.js";
import type { Cluster } from "./cluster.js";
import { withFile } from "./owned-file.js";

const TAIL_BYTES = 262_144;
const MAX_LINE = 2_000;

/**
 * What a statement, a connection string or a key shows of a secret: what stands before it is kept. Database users write what they like into
 * a log, so that no pattern may look at a part of it again and again.
 */
const SECRETS: readonly [RegExp, string][] = [
  [/(-----BEGIN [A-Z ]*PRIVATE KEY-----)[\s\S]*?(-----END|$)/g, `$1${REDACTED}$2`],
  [/(\bpassword\s+(?:=\s*)?)(?:E?'(?:[^'\\]|''|\\.)*(?:'|$)|\$(\w*)\$[\s\S]*?(?:\$\2\$|$))/gi, `$1${REDACTED}`],
  [/((?:password|passwd|passphrase|secret|token)["']?\s*[=:]\s*)(?:"[^"]*"?|'[^']*'?|[^\s"',;]+)/gi, `$1${REDACTED}`],
  [/\bSCRAM-SHA-256\$\S+|\bmd5[0-9a-f]{32}\b/gi, REDACTED],
];

/** In a URL: with the `@` after it. Where there is none it is no secret, and is passed over too. */
const IN_URL = /(:\/\/[^\s:/@]*:)[^\s@]+(@?)/g;

/** @param known secrets that must not show wherever they stand */
export function withoutSecretsOfLog(text: string, known: readonly string[] = []): string {
  const plain = known.filter(Boolean).reduce((rest, secret) => rest.replaceAll(secret, REDACTED), text);
  const urls = plain.replace(IN_URL, (all, before, end) => (end ? `${before}${REDACTED}@` : all));
  return SECRETS.reduce((rest, [pattern, instead]) => rest.replace(pattern, instead), urls);
}

/** @returns the last lines of the log, the oldest first; none where there is no log that can be read */
export async function logTail(
  { logFile }: Pick<Cluster, "logFile">,
  lines: number,
  known: readonly string[] = [],
): Promise<string[]> {
  const read = async (file: FileHandle) => {
    const { size } = await file.stat();
    const start = Math.max(0, size - TAIL_BYTES);
    const { bytesRead, buffer } = await file.read(Buffer.alloc(Math.min(size, TAIL_BYTES)), 0, undefined, start);
    const all = withoutSecretsOfLog(buffer.subarray(0, bytesRead).toString(), known).split("\n");
    // The first may have lost its beginning; after the last stands nothing yet.
    const whole = all.slice(start > 0 ? 1 : 0).filter((line) => line.trim() !== "");
    return whole.slice(Math.max(0, whole.length - lines)).map((line) => line.slice(0, MAX_LINE).toWellFormed());
  };
  return withFile(logFile, read).catch(() => []);
}

/** @returns the last complaint in the lines, without its time and process */
export function lastComplaint(lines: readonly string[]): string | null {
  const line = lines.findLast((each) => /\b(?:FATAL|PANIC|ERROR): {2}/.test(each));
  return line === undefined ? null : line.slice(line.search(/\b(?:FATAL|PANIC|ERROR): {2}/)).replace(": \x20", ": ");
}
