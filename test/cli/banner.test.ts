/** What a start says that failed, where one code of the operating system means several things. */
import { expect, it } from "vitest";
import { failureBanner } from "../../src/cli/banner.js";

const fault = (message: string, code: string, syscall: string) =>
  Object.assign(new Error(`${code}: ${message}, ${syscall} '/srv/postern/src'`), { code, syscall });

const DISK = "The disk is full or fails. Make room on it, then start Postern again.";
const WATCHES =
  "This user watches as many files as the system allows. End another program that watches files, or raise fs.inotify.max_user_watches.";
const WATCHERS =
  "This user watches files in as many places as the system allows. End another program that watches files, or raise fs.inotify.max_user_instances.";

it.each([
  [fault("no space left on device", "ENOSPC", "write"), 74, DISK],
  [fault("System limit for number of file watchers reached", "ENOSPC", "watch"), 73, WATCHES],
  [fault("too many open files", "EMFILE", "watch"), 73, WATCHERS],
])("says of %s what to do", (cause, exitCode, advice) => {
  expect(failureBanner(new Error("It failed.", { cause }))).toEqual({
    text: `Postern cannot start: It failed.\n  ${cause.message}\n  ${advice}`,
    exitCode,
  });
});
