/** Data that are put aside: the newest only, but never the only ones. */
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { Host } from "../../src/providers/local/host.js";
import { keepDataAside } from "../../src/providers/local/kept-data.js";

test("what was kept before goes when something is put in its place, and not where there is nothing", async () => {
  const folder = await mkdtemp(join(tmpdir(), "postern-test-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const host = { instances: { memberFolder: () => folder } } as unknown as Host;
  const [first, second, third] = [1, 2, 3].map((day) => `kept-failover-2026010${day}T000000Z`) as [
    string,
    string,
    string,
  ];
  await mkdir(join(folder, "data"));
  await keepDataAside(host, "db-1", "a", first);
  expect(await readdir(folder)).toEqual([first]);
  await keepDataAside(host, "db-1", "a", second);
  expect(await readdir(folder)).toEqual([first]);
  await mkdir(join(folder, "data"));
  await keepDataAside(host, "db-1", "a", third);
  expect(await readdir(folder)).toEqual([third]);
});
