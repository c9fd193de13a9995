/** What PostgreSQL would make of a cluster's files of settings at its next start, asked of PostgreSQL itself. */
import { join } from "node:path";
import { type OsUser, runAs } from "./os-user.js";

/** The files of settings would keep PostgreSQL from starting; the message says where, and holds no values. */
export class BrokenSettingsError extends Error {}

const MAX_FAULTS = 5;

/** @param args what the server is started with, which overrides the files @throws BrokenSettingsError */
export async function previewSetting(
  { bin, user }: { readonly bin: string; readonly user: OsUser },
  args: readonly string[],
  name: string,
): Promise<string> {
  try {
    // First, so that the process does not look like the server itself.
    return (await runAs(user, join(bin, "postgres"), ["-C", name, ...args])).replace(/\n$/, "");
  } catch (cause) {
    // It could not say anything: killed, or not even run.
    if (typeof (cause as { code?: unknown }).code !== "number") throw cause;
    throw new BrokenSettingsError(faultsIn(String((cause as { stderr?: unknown }).stderr ?? "")), { cause });
  }
}

/** PostgreSQL's complaints in one line, without the values that they quote: these may be secrets. */
function faultsIn(stderr: string): string {
  const faults = [...stderr.matchAll(/(?:LOG|FATAL|ERROR): +(.*)/g)]
    .map(([, fault]) =>
      fault!.replace(/(parameter "[^"]*"): .*/, "$1").replace(/, near token .*|, near end of line/, ""),
    )
    .filter((fault, _, all) => !/contains errors/.test(fault) || all.length === 1);
  return `${faults.slice(0, MAX_FAULTS).join("; ") || "PostgreSQL cannot read its settings"}.`;
}
