/** Postern is killed while it changes the class of a pair: one class is in force on both servers then, and the operation says which. */
import { join } from "node:path";
import { expect, test } from "vitest";
import type { OperationRequest } from "../../src/providers/provider.js";
import { some } from "../support/deep.js";
import { classOf, INTENT, newOperationId, operate, query, runProgram, untilEnded } from "../support/ground.js";
import { refusingBinaries } from "../support/refusing-binaries.js";
import { usePair } from "./pair.js";

// As many connections as its class gives it.
const pair = usePair({ maxConnections: 50 });

const CLASSES = { "local.micro": 50, "local.small": 100 } as const;
type Class = keyof typeof CLASSES;

/** Another process changes the class up to the point where it is killed; what ran, runs on. Then a successor settles it. */
async function killDuring(instanceClass: Class, killAt: string, bin?: string) {
  await pair.insert(10);
  const request = { ...classOf(pair.id, instanceClass), operationId: newOperationId() } as OperationRequest;
  await pair.provider.release();
  const args = [join(pair.ground.path, "fleet"), killAt, JSON.stringify(request), ...(bin ? ["", bin] : [])];
  expect(await runProgram(new URL("drive.ts", import.meta.url), args)).toBe("SIGKILL");
  pair.provider = await pair.open(bin ? { bin } : {});
  expect((await pair.provider.poll(request, INTENT)).state, "not forgotten").not.toBe("unknown");
  await pair.provider.startAll();
  const end = await untilEnded(pair.provider, request);
  await pair.expectWhole("a");
  await pair.provider.start(request, INTENT);
  expect(await pair.provider.poll(request, INTENT), "started once more").toEqual(end);
  return end;
}

/** The class that both servers really have, and that is shown. */
async function classInForce(): Promise<string | null> {
  const { members, instanceClass } = await pair.describe();
  const connections = await Promise.all(
    members.map(async ({ endpoint }) => {
      const look = { port: endpoint!.port };
      const [row] = await query(
        pair.provider,
        "pair",
        (sql) => sql`select current_setting('max_connections')::int as n`,
        look,
      );
      return row?.n;
    }),
  );
  expect(connections).toEqual([CLASSES[instanceClass as Class], CLASSES[instanceClass as Class]]);
  return instanceClass;
}

test.each(
  some<[string, boolean]>(
    [
      ["The class is decided", true],
      ["Changing the class of pair", false],
      ["Restarting the standby", true],
      ["The class is decided+40", true],
      ["Restarting the standby+40", true],
      ["Restarting the standby+120", true],
      ["The class of pair is", true],
    ],
    3,
  ),
)("killed at %s: done is %s, upwards and downwards", async (killAt, done) => {
  for (const [from, to] of [
    ["local.micro", "local.small"],
    ["local.small", "local.micro"],
  ] as const) {
    if (!done && from === "local.small") continue;
    const end = await killDuring(to, killAt);
    expect(await classInForce()).toBe(done ? to : from);
    expect(end).toMatchObject(
      done
        ? { state: "succeeded", resourceStatus: "available", result: { instanceClass: to, pendingInstanceClass: null } }
        : {
            state: "failed",
            resourceStatus: "available",
            failure: { code: "Interrupted", message: expect.stringContaining("The class was not changed") },
          },
    );
  }
});

test("killed while the class that it has takes a pending one back, it is taken back", async () => {
  expect(await operate(pair.provider, classOf(pair.id, "local.medium", false))).toMatchObject({ state: "succeeded" });
  const { instanceClass } = await pair.describe();
  const end = await killDuring(instanceClass as Class, "Keeping the class of pair");
  expect(end).toMatchObject({ state: "succeeded", result: { instanceClass, pendingInstanceClass: null } });
  expect(await pair.describe()).toMatchObject({ instanceClass, pendingInstanceClass: null });
});

test.each(some(["The class is put back", "The class is decided", "The class is put back+60"], 2))(
  "one with which PostgreSQL does not start, killed at %s, is put back and has failed",
  async (killAt) => {
    const bin = await refusingBinaries(pair.ground.path, "*shared_buffers=128MB*cluster_name=*-a*");
    const before = (await pair.describe()).instanceClass;
    const end = await killDuring("local.small", killAt, bin);
    expect([before, await classInForce()]).toEqual(["local.micro", "local.micro"]);
    expect(end).toMatchObject({ state: "failed", resourceStatus: "available", failure: { code: "StartFailed" } });
  },
);
