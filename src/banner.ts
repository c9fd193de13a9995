/** What people read on standard output when Postern starts, or cannot. */
import { type Config, ConfigError } from "./config.js";
import type { Account } from "./seed/administrator.js";

/** @returns how to sign in as an account that was just created */
export function newAccount(kind: "administrator" | "demo", { email, password, generated }: Account): string {
  const who =
    kind === "administrator"
      ? `Administrator created: ${email}`
      : "Demo users created: viewer, analyst, dba, security and admin, each @demo.example";
  const secret = generated ? `password: ${password}   (shown only now: keep it)` : "password: the one you configured";
  return `${who}\n  ${secret}`;
}

/** @returns where Postern listens and what to try first */
export function ready(url: string, { landingPage, demo, admin }: Config): string {
  const email = demo.seed ? "admin@demo.example" : admin.email;
  return `
Postern listens on ${url}/graphql${landingPage ? "   (open it in a browser for Apollo Sandbox)" : ""}

Sign in, with an account printed above or by an earlier start:

  mutation { signIn(input: { email: "${email}", password: "..." }) { accessToken } }

Send the token as the header "Authorization: Bearer <accessToken>", and ask:

  query { viewer { role } scans(first: 5) { totalCount nodes { targetUrl status organization { name } vulnerabilitiesFound } } }

Ctrl-C stops it.
`;
}

/** What the operating system says about the address, in words of the configuration. */
const ADDRESS_FAULTS: Record<string, string> = {
  EADDRINUSE: "The port is taken. Stop what listens there, or set PORT to another one (0 takes a free one).",
  EACCES: "This port needs rights that this user does not have. Set PORT to one above 1023.",
  EADDRNOTAVAIL: "HOST is not an address of this machine.",
  ENOTFOUND: "HOST is not known.",
};

/** @returns why Postern cannot start, and what to do about it */
export function failure(error: NodeJS.ErrnoException): string {
  if (error instanceof ConfigError) return `The configuration is not usable:\n${error.message}`;
  const isAddress = error.syscall === "listen" || error.syscall === "getaddrinfo";
  const advice = isAddress ? ADDRESS_FAULTS[error.code ?? ""] : undefined;
  const reasons: string[] = [];
  for (let each: unknown = error; each instanceof Error; each = each.cause) {
    // drizzle's message is the statement with its values.
    if (!("params" in each)) reasons.push(each.message);
  }
  return `Postern cannot start: ${reasons.join("\n  ")}${advice ? `\n  ${advice}` : ""}`;
}
