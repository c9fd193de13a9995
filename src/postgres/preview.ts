/** Asks PostgreSQL itself how it would read a cluster's configuration files at its next start. */
import { join } from "node:path";
import { type OsUser, runAsOsUser } from "./os-user.js";

/** The configuration files would keep PostgreSQL from starting. The message says where, and holds no values. */
export class PreviewError extends Error {}

const MAX_FAULTS = 5;

/** @param args the server's arguments, which override the files @throws PreviewError */
export async function previewSetting(
  { bin, user }: { readonly bin: string; readonly user: OsUser },
  args: readonly string[],
  name: string,
): Promise<string> {
  try {
    // `-C` comes first, so that the process is not taken for the server itself.
    return (await runAsOsUser(user, join(bin, "postgres"), ["-C", name, ...args])).replace(/\n$/, "");
  } catch (cause) {
    // Without an exit code the process was killed or did not run, so it says nothing about the files.
    if (typeof (cause as { code?: unknown }).code !== "number") throw cause;
    throw new PreviewError(faultsIn(String((cause as { stderr?: unknown }).stderr ?? "")), { cause });
  }
}

/** @returns PostgreSQL's errors in one line, without the values that they quote, which may be secrets */
function faultsIn(stderr: string): string {
  const faults = [...stderr.matchAll(/(?:LOG|FATAL|ERROR): +(.*)/g)]
    .map(([, fault]) =>
      fault!.replace(/(parameter "[^"]*"): .*/, "$1").replace(/, near token .*|, near end of line/, ""),
    )
    .filter((fault, _, all) => !/contains errors/.test(fault) || all.length === 1);
  return `${faults.slice(0, MAX_FAULTS).join("; ") || "PostgreSQL cannot read its settings"}.`;
}
