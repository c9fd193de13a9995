/** What the texts of deploy/ tell people to run, and a shell to run it in. */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

export const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** @returns the blocks of code below a heading, in their order */
export async function codeBelow(file: string, heading: string): Promise<string[]> {
  const text = await readFile(`${ROOT}deploy/${file}`, "utf8");
  const section = text.split(/^## /m).find((each) => each.startsWith(`${heading}\n`));
  if (section === undefined) throw new Error(`${file} has no section ${heading}.`);
  return [...section.matchAll(/^```\w+\n([\s\S]*?)^```/gm)].map(([, code]) => code!);
}

/** @returns what a program writes to standard output @throws Error with all that it has written, where it fails */
export async function run(
  [program, ...words]: readonly [string, ...string[]],
  options: { readonly cwd: string; readonly env?: Readonly<Record<string, string>> },
): Promise<string> {
  const { PATH = "", HOME = "" } = process.env;
  const env = { PATH, HOME, ...options.env };
  return (await promisify(execFile)(program, words, { ...options, env })).stdout;
}

export const runShell = (text: string, options: Parameters<typeof run>[1]) => run(["/bin/sh", "-euc", text], options);

/** @returns whether a command succeeds; else it is said aloud that something is left out */
export async function isThere(command: string): Promise<boolean> {
  const found = await runShell(command, { cwd: "/" }).then(
    () => true,
    () => false,
  );
  if (!found) console.warn(`left out, as it is not on this machine: ${command}`);
  return found;
}
