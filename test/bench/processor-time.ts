/** The processor time of processes and their descendants, as the kernel counts it. */
import { readdirSync, readFileSync } from "node:fs";

/** Linux tells it in hundredths of a second, whatever the kernel's own tick. */
const TICK_MS = 10;

interface Process {
  readonly parent: number;
  readonly milliseconds: number;
}

function processes(): Map<number, Process> {
  const found = new Map<number, Process>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const text = readFileSync(`/proc/${name}/stat`, "utf8");
      // The name of the program, in parentheses, may hold anything.
      const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
      const [parent, user, system] = [1, 11, 12].map((index) => Number(fields[index]));
      found.set(Number(name), { parent: parent!, milliseconds: (user! + system!) * TICK_MS });
    } catch {
      // It has ended.
    }
  }
  return found;
}

function family(pid: number, all: ReadonlyMap<number, Process>): number[] {
  const children = [...all].filter(([, { parent }]) => parent === pid);
  return [pid, ...children.flatMap(([child]) => family(child, all))];
}

/** The whole machine: what all processors have spent, on whatever, and what they could have. */
function machine(): { busy: number; all: number } {
  const line = /^cpu (.*)/.exec(readFileSync("/proc/stat", "utf8"))![1]!;
  const [user = 0, nice = 0, system = 0, idle = 0, waiting = 0, irq = 0, softIrq = 0, stolen = 0] = line
    .trim()
    .split(/\s+/)
    .map((ticks) => Number(ticks) * TICK_MS);
  const busy = user + nice + system + irq + softIrq + stolen;
  return { busy, all: busy + idle + waiting };
}

/**
 * @returns a function that tells the milliseconds that each has spent since now, and what share of the machine went to others.
 * Descendants that end meanwhile are not counted, those that begin are
 */
export function processorTimes<Name extends string>(pids: Readonly<Record<Name, number>>) {
  const before = processes();
  const machineBefore = machine();
  return (): { milliseconds: Record<Name, number>; others: number } => {
    const after = processes();
    const machineAfter = machine();
    const spentBy = (pid: number) => (after.get(pid)?.milliseconds ?? 0) - (before.get(pid)?.milliseconds ?? 0);
    const spent = Object.entries<number>(pids).map(([name, pid]) => [
      name,
      family(pid, after).reduce((sum, each) => sum + spentBy(each), 0),
    ]);
    const milliseconds = Object.fromEntries(spent) as Record<Name, number>;
    const own = Object.values<number>(milliseconds).reduce((sum, each) => sum + each, 0);
    const elsewhere = machineAfter.busy - machineBefore.busy - own;
    return { milliseconds, others: Math.max(0, elsewhere) / (machineAfter.all - machineBefore.all) };
  };
}
