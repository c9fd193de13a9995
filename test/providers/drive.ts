/** A program for tests to kill: works on the local instances in a folder, and kills itself and its group at a given point. */
import { pino } from "pino";
import { databaseUser } from "../../src/postgres/os-user.js";
import { createLocalProvider } from "../../src/providers/local.js";
import type { OperationRequest } from "../../src/providers/provider.js";
import { localParameterGroups } from "../../src/values/parameter-groups.js";

// `cancelAt`, `bin` and the parameter groups, as JSON, may be left out, or empty.
type Args = [string, string, string, string?, string?, string?];
const [folder, killAt, text, cancelAt, bin, groups] = process.argv.slice(2) as Args;
let cancel = () => {};
const die = () => process.kill(-process.pid, "SIGKILL");
// The moment before a line of the log is written, or so many milliseconds after it: `line+20`, or a percentage: `%50`.
const [, line, delayMs] = /^(.*?)(?:\+(\d+))?$/.exec(killAt)!;
const write = (entry: string) => {
  if (cancelAt && entry.includes(cancelAt)) cancel();
  if (!entry.includes(line!)) return;
  if (delayMs === undefined) die();
  else setTimeout(die, Number(delayMs));
};

const user = await databaseUser();
const provider = await createLocalProvider({
  folder,
  bin: bin || process.env.BINARIES!,
  user,
  log: pino({ level: "info" }, { write }),
  clock: { now: () => new Date() },
  parameterGroups: localParameterGroups.parse(JSON.parse(groups || "{}")),
  // Not from the sandbox, which needs the test runner.
  settings: { fsync: "off" },
  limits: { answerTimeoutMs: 1_000, shutdownTimeoutMs: 300 },
});
await provider.startAll();

if (killAt === "fill" || killAt === "planned") {
  if (killAt === "planned") await provider.plan([JSON.parse(text)]);
  await provider.create({ ...JSON.parse(text), fill: async () => void die() });
} else {
  const request = JSON.parse(text) as OperationRequest;
  cancel = () => void provider.cancel(request);
  const intent = { askedAt: new Date().toISOString(), saw: {} };
  await provider.start(request, intent);
  for (;;) {
    const poll = await provider.poll(request, intent);
    if (killAt.startsWith("%") && poll.state === "running" && (poll.percent ?? 0) >= Number(killAt.slice(1))) die();
    // For a point that comes after the end.
    if (poll.state !== "running") setTimeout(() => process.exit(1), 5_000);
    await new Promise((resolve) => setTimeout(resolve, poll.state === "running" ? 1 : 10_000));
  }
}
