/** Postern says which it is: in the first line of its log, and to whoever asks. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { findVersion } from "../../src/version.js";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const { version } = JSON.parse(readFileSync(`${ROOT}package.json`, "utf8")) as { version: string };

it("is that of the package, with the commit that the image names", async () => {
  expect(await findVersion("abc1234")).toEqual({ version, commit: "abc1234" });
});

it("asks a checkout for its commit, and says null where there is none", async () => {
  const head = () => {
    try {
      return execFileSync("git", ["-C", ROOT, "rev-parse", "HEAD"], { encoding: "utf8", stdio: "pipe" }).trim();
    } catch {
      return null;
    }
  };
  expect(await findVersion(undefined)).toEqual({ version, commit: head() });
});
