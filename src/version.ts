/** Which Postern this is: its version, and the commit that it was built from. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/** package.json lies beside src and beside dist. */
const ROOT = new URL("../", import.meta.url);

export interface Version {
  readonly version: string;
  /** The commit's hash in hexadecimal digits; null where nothing says it. */
  readonly commit: string | null;
}

/** Asks git, where there is one and Postern runs in a checkout of its own: an image has neither. */
async function commitOfCheckout(): Promise<string | null> {
  const asked = promisify(execFile)("git", [`--git-dir=${fileURLToPath(new URL(".git", ROOT))}`, "rev-parse", "HEAD"], {
    timeout: 2000,
  });
  return asked.then(
    ({ stdout }) => stdout.trim(),
    () => null,
  );
}

/** @param commit what the image or whoever runs Postern says of it */
export async function findVersion(commit: string | undefined): Promise<Version> {
  const { version } = JSON.parse(readFileSync(new URL("package.json", ROOT), "utf8")) as { version: string };
  return { version, commit: commit ?? (await commitOfCheckout()) };
}
