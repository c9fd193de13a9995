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

/**
 * @returns a function that tells the milliseconds that each has spent since now. Descendants that end meanwhile are not
 * counted, those that begin are
 */
export function processorTimes<Name extends string>(pids: Readonly<Record<Name, number>>): () => Record<Name, number> {
  const before = processes();
  return () => {
    const after = processes();
    const spentBy = (pid: number) => (after.get(pid)?.milliseconds ?? 0) - (before.get(pid)?.milliseconds ?? 0);
    const spent = Object.entries<number>(pids).map(([name, pid]) => [
      name,
      family(pid, after).reduce((sum, each) => sum + Math.max(0, spentBy(each)), 0),
    ]);
    return Object.fromEntries(spent) as Record<Name, number>;
  };
}
