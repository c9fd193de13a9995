/** Reads a Dockerfile: its stages, and their instructions one by one. It knows what ours uses, and refuses the rest. */

const INSTRUCTIONS = [
  "ARG",
  "CMD",
  "COPY",
  "ENV",
  "EXPOSE",
  "HEALTHCHECK",
  "LABEL",
  "RUN",
  "USER",
  "VOLUME",
  "WORKDIR",
] as const;

export interface Instruction {
  readonly name: (typeof INSTRUCTIONS)[number];
  /** The options that stand before the rest, such as `from` and `interval`. */
  readonly options: Readonly<Record<string, string>>;
  readonly rest: string;
}

export interface Stage {
  readonly base: string;
  /** Null for the last, which nobody copies from. */
  readonly name: string | null;
  readonly instructions: readonly Instruction[];
}

const isKnown = (name: string): name is Instruction["name"] => (INSTRUCTIONS as readonly string[]).includes(name);

/** @throws Error at what it does not know */
export function parseDockerfile(text: string): Stage[] {
  const lines = text
    .split("\n")
    .filter((line) => !/^\s*(#|$)/.test(line))
    .join("\n")
    .replace(/\\\n\s*/g, " ")
    .split("\n");
  const stages: { base: string; name: string | null; instructions: Instruction[] }[] = [];
  for (const line of lines.filter(Boolean)) {
    const from = /^FROM (\S+)(?: AS (\S+))?$/.exec(line);
    if (from) {
      stages.push({ base: from[1]!, name: from[2] ?? null, instructions: [] });
      continue;
    }
    const [, name = "", given = "", rest = ""] = /^([A-Z]+) ((?:--\S+ )*)(.+)$/.exec(line) ?? [];
    const stage = stages.at(-1);
    if (!isKnown(name) || !stage) throw new Error(`The rehearsal does not know: ${line}`);
    const options = Object.fromEntries(
      given
        .split(" ")
        .flatMap((option) => [...option.matchAll(/^--(\w.*?)=(.*)$/g)].map(([, key, value]) => [key!, value!])),
    );
    stage.instructions.push({ name, options, rest: rest.trim() });
  }
  return stages;
}

/** @returns the words of a command that goes through no shell @throws Error for one that does */
export function execForm(text: string): string[] {
  if (!text.startsWith("[")) throw new Error(`A shell would take the signals of: ${text}`);
  return JSON.parse(text) as string[];
}

/** @returns names and values as ENV and LABEL give them, with variables replaced */
export function assignments(text: string, variables: Readonly<Record<string, string>>): Record<string, string> {
  const pairs = [...text.matchAll(/([\w.]+)=(?:"([^"]*)"|(\S*))/g)];
  const value = (raw: string) => raw.replace(/\$\{?(\w+)\}?/g, (_, name: string) => variables[name] ?? "");
  return Object.fromEntries(pairs.map(([, name, quoted, bare]) => [name!, value(quoted ?? bare ?? "")]));
}
