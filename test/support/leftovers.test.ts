/** A run that is interrupted leaves no process and no folder. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";

const PROGRAM = new URL("leftovers.mjs", import.meta.url).pathname;

/** Runs for ever, with a path on its command line; says when it has begun. */
async function running(path: string, beginning = ""): Promise<ChildProcess> {
  const program = `${beginning}; setInterval(() => undefined, 1000); console.log("begun")`;
  const child = spawn(process.execPath, ["-e", program, path], { stdio: ["ignore", "pipe", "ignore"], detached: true });
  onTestFinished(() => void child.kill("SIGKILL"));
  await once(child.stdout!, "data");
  return child;
}
const endOf = (child: ChildProcess) => child.signalCode ?? once(child, "exit").then(([, signal]) => signal);

it("what a run leaves goes with it, and nothing else", async () => {
  const [folder, elsewhere, other] = ["run-", "elsewhere-", "other-"].map((name) =>
    mkdtempSync(join(tmpdir(), name)),
  ) as [string, string, string];
  mkdirSync(join(folder, "postern-test-abc"));
  for (const name of ["postern-test-abc-0123", "postern-test-other-0123"]) {
    mkdirSync(join(elsewhere, name));
    writeFileSync(join(elsewhere, name, "data"), "");
  }
  const left = await Promise.all([
    running(`${folder}/postern-test-abc/data`),
    running(`${elsewhere}/postern-test-abc-0123/data`),
    running(`${folder}/postern-test-abc`, 'process.on("SIGQUIT", () => undefined)'),
  ]);
  const others = await Promise.all([running(other), running(`${elsewhere}/postern-test-other-0123/data`)]);
  const leftovers = spawn(process.execPath, [PROGRAM, folder, elsewhere], { stdio: ["pipe", "pipe", "inherit"] });
  onTestFinished(() => void leftovers.kill("SIGKILL"));
  const ended = once(leftovers, "exit");
  await once(leftovers.stdout!, "data");
  // As a terminal sends it to all.
  leftovers.kill("SIGINT");
  expect(left.map(({ signalCode }) => signalCode)).toEqual([null, null, null]);

  leftovers.stdin!.end();
  expect(await ended).toEqual([0, null]);
  expect(await Promise.all(left.map(endOf))).toEqual(["SIGQUIT", "SIGQUIT", "SIGKILL"]);
  expect(others.map(({ signalCode, exitCode }) => [signalCode, exitCode])).toEqual(Array(2).fill([null, null]));
  expect([existsSync(folder), existsSync(join(elsewhere, "postern-test-abc-0123"))]).toEqual([false, false]);
  expect(existsSync(join(elsewhere, "postern-test-other-0123", "data"))).toBe(true);
});
