/** What people read on standard output when Postern starts. */
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
export function ready(url: string, landingPage: boolean): string {
  return `
Postern listens on ${url}/graphql${landingPage ? "   (open it in a browser for Apollo Sandbox)" : ""}

Sign in, with an account printed above or by an earlier start:

  mutation { signIn(input: { email: "admin@demo.example", password: "..." }) { accessToken } }

Send the token as the header "Authorization: Bearer <accessToken>", and ask:

  query { viewer { role } scans(first: 5) { totalCount nodes { targetUrl status organization { name } vulnerabilitiesFound } } }

Ctrl-C stops it.
`;
}
