/** The texts on standard output when Postern starts, or cannot start. */
import { resolve } from "node:path";
import { type Config, ConfigError } from "../config.js";
import { AppError } from "../errors.js";
import type { SeededAccount } from "../seed/administrator.js";
import { EXIT_CODES, StartFault, type StartFaultKind } from "../start-fault.js";

/** @returns a text that says how to sign in with a new account */
export function newAccountBanner(
  kind: "administrator" | "demo" | "restored",
  { email, password, generated }: SeededAccount,
): string {
  const who = {
    administrator: `Administrator created: ${email}`,
    demo: "Demo users created: viewer, analyst, dba, security and admin, each @demo.example",
    restored: `This is an administrator now, and signed out everywhere: ${email}`,
  }[kind];
  const secret = generated ? `password: ${password}   (shown only now: keep it)` : "password: the one you configured";
  return `${who}\n  ${secret}`;
}

const PAGE_HINTS = {
  explorer: "   (open it in a browser to explore)",
  sandbox: "   (open it in a browser for Apollo Sandbox)",
  none: "",
} as const;

/**
 * @param dataDir where the embedded database keeps its data
 * @returns a text that says where Postern listens, where its data is, and what to try first
 */
export function readyBanner(url: string, { landingPage, demo, admin, ...config }: Config, dataDir?: string): string {
  const email = demo.seed ? "admin@demo.example" : admin.email;
  const wanted = resolve(config.dataDir);
  const reason = dataDir === wanted ? "The" : `The database's user cannot reach ${wanted}, so the`;
  const lines = [
    `Postern listens on ${url}/graphql${PAGE_HINTS[landingPage]}`,
    ...(dataDir === undefined ? [] : [`${reason} data is in ${dataDir}`]),
    ...(demo.aws ? ["The AWS accounts are simulated (DEMO_AWS): their instances have the tag postern:simulated"] : []),
  ];
  return `
${lines.join("\n")}

Sign in, with an account printed above or by an earlier start:

  mutation { signIn(input: { email: "${email}", password: "..." }) { accessToken } }

Send the token as the header "Authorization: Bearer <accessToken>", and ask:

  query { viewer { role } scans(first: 5) { totalCount nodes { targetUrl status organization { name } vulnerabilitiesFound } } }

Ctrl-C stops it.
`;
}

/** The kind and the advice of each of the operating system's codes for a bad address. */
const ADDRESS_FAULTS: Readonly<Record<string, readonly [StartFaultKind, string]>> = {
  EADDRINUSE: [
    "resource",
    "The port is taken. Stop what listens there, or set PORT to another one (0 takes a free one).",
  ],
  EACCES: ["resource", "This port needs rights that this user does not have. Set PORT to one above 1023."],
  EADDRNOTAVAIL: ["configuration", "HOST is not an address of this machine. Set it to one that is."],
  ENOTFOUND: ["configuration", "HOST is not known. Set it to an address of this machine."],
};

/** The advice for each of the operating system's codes for a limit of watched files. ENOSPC is no full disk there. */
const WATCH_FAULTS: Readonly<Record<string, string>> = {
  ENOSPC:
    "This user watches as many files as the system allows. End another program that watches files, or raise fs.inotify.max_user_watches.",
  EMFILE:
    "This user watches files in as many places as the system allows. End another program that watches files, or raise fs.inotify.max_user_instances.",
};

const DISK_FAULTS: ReadonlySet<unknown> = new Set(["ENOSPC", "EDQUOT", "EIO", "53100"]);

/** @returns an error and all its causes */
function* causesOf(error: unknown): Generator<NodeJS.ErrnoException> {
  for (let cause = error; cause instanceof Error; cause = cause.cause) yield cause;
}

function kindOf(error: unknown): readonly [StartFaultKind, string?] {
  for (const cause of causesOf(error)) {
    if (cause instanceof StartFault) return [cause.kind];
    if (cause instanceof ConfigError) return ["configuration"];
    const watchAdvice = cause.syscall === "watch" && WATCH_FAULTS[cause.code ?? ""];
    if (watchAdvice) return ["resource", watchAdvice];
    if (DISK_FAULTS.has(cause.code))
      return ["disk", "The disk is full or fails. Make room on it, then start Postern again."];
    if (cause.syscall === "listen" || cause.syscall === "getaddrinfo") {
      const fault = ADDRESS_FAULTS[cause.code ?? ""];
      if (fault) return fault;
    }
    if (cause instanceof AppError && cause.code === "BAD_USER_INPUT") return ["configuration"];
    if (cause instanceof AppError && cause.code === "UNAVAILABLE") return ["unreachable"];
  }
  return ["software"];
}

/**
 * @param failed what failed
 * @returns a text that says why and what to do, and the exit code
 */
export function failureBanner(
  error: unknown,
  failed = "Postern cannot start",
): { readonly text: string; readonly exitCode: number } {
  const [kind, advice] = kindOf(error);
  const exitCode = EXIT_CODES[kind];
  if (error instanceof ConfigError) return { text: `The configuration is not usable:\n${error.message}`, exitCode };
  // The message of a StartFault is enough. Drizzle's messages are left out, because they hold statements with values.
  if (error instanceof StartFault) return { text: `${failed}: ${error.message}`, exitCode };
  const reasons = [...causesOf(error)].filter((cause) => !("params" in cause)).map(({ message }) => message);
  return { text: `${failed}: ${reasons.join("\n  ")}${advice ? `\n  ${advice}` : ""}`, exitCode };
}
