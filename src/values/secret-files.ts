/** Reads secrets from the files that variables name: `ADMIN_PASSWORD_FILE` gives `ADMIN_PASSWORD`. */
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { TextDecoder } from "node:util";

/** Far more than a key or a URL has. */
const MAX_BYTES = 16_384;

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  ENOTDIR: "there is no such file",
  EACCES: "this user may not read the file",
  EPERM: "this user may not read the file",
  ELOOP: "the file is a circle of links",
};

/** @returns the file's bytes, at most one more than are allowed @throws Error where there is no readable file */
function readBounded(path: string): Buffer {
  // A pipe that nobody writes to would hold up the start.
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    if (!fstatSync(file).isFile()) throw new Error("names something that is no file");
    const bytes = Buffer.alloc(MAX_BYTES + 1);
    let length = 0;
    for (let read = -1; read !== 0; length += read) read = readSync(file, bytes, length, bytes.length - length, null);
    return bytes.subarray(0, length);
  } finally {
    closeSync(file);
  }
}

/** @returns the text in a file, without the newline at its end @throws Error, whose message never holds what is in the file */
export function readSecret(path: string): string {
  let bytes: Buffer;
  try {
    bytes = readBounded(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new Error(code === undefined ? message : `cannot be read: ${REASONS[code] ?? code}`, { cause: error });
  }
  if (bytes.length > MAX_BYTES) throw new Error(`names a file of more than ${MAX_BYTES} bytes`);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes).replace(/\r?\n$/, "");
  } catch (cause) {
    throw new Error("names a file that is no text in UTF-8", { cause });
  }
  if (text === "") throw new Error("names a file that is empty");
  return text;
}

export interface SecretsRead {
  /** What the files hold, by the variable without `_FILE`. */
  readonly values: Readonly<Record<string, string>>;
  /** `<variable>: <what is wrong>`. */
  readonly faults: readonly string[];
}

/** @param names the variables that may be given as files */
export function readSecretFiles(
  names: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): SecretsRead {
  const values: Record<string, string> = {};
  const faults: string[] = [];
  for (const name of names) {
    const path = environment[`${name}_FILE`];
    if (path === undefined) continue;
    try {
      if (environment[name] !== undefined) throw new Error(`is given beside ${name}: leave out one of them`);
      values[name] = readSecret(path);
    } catch (error) {
      faults.push(`${name}_FILE: ${(error as Error).message}`);
    }
  }
  return { values, faults };
}
