/** The permission map as people read it: schema/access.md. */
import { ROLE_PERMISSIONS, ROLES, type Role } from "../../src/auth/permissions.js";
import type { Rule } from "../../src/auth/rules.js";
import type { AccessMap } from "../../src/graphql/access/access.js";

const YES = "yes";
const NO = "–";
const OPERABLE = "not on PRODUCTION";

/** @param role null of whoever is not signed in */
function cell(rule: Rule, role: Role | null): string {
  if (rule.kind === "anyone") return YES;
  if (role === null) return NO;
  const holds = (...permissions: readonly string[]) =>
    ROLE_PERMISSIONS[role].some((permission) => permissions.includes(permission));
  switch (rule.kind) {
    case "signedIn":
      return YES;
    case "can":
      return holds(...rule.permissions) ? YES : NO;
    case "operable":
      return holds("operations:run") ? OPERABLE : NO;
  }
}

function words(rule: Rule): string {
  switch (rule.kind) {
    case "anyone":
      return "everybody; the service decides by the credentials";
    case "signedIn":
      return "whoever is signed in";
    case "can":
      return rule.permissions.map((permission) => `\`${permission}\``).join(" or ");
    case "operable":
      return "`operations:run`, on an instance whose environment is known and not PRODUCTION";
  }
}

const row = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [row(head), row(head.map(() => "---")), ...rows.map(row)].join("\n");
}

export function accessTable({ queries, mutations, subscriptions }: AccessMap): string {
  const CALLERS = [null, ...ROLES];
  const head = ["field", "anonymous", ...ROLES, "rule"];
  const cells = (name: string, rule: Rule) => [`\`${name}\``, ...CALLERS.map((role) => cell(rule, role)), words(rule)];
  const sorted = <T>(map: Readonly<Record<string, T>>) => Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1));
  const actionsOf = ({ action, failure }: AccessMap["mutations"][string]) =>
    action === null
      ? "a security event"
      : [action, failure]
          .filter(Boolean)
          .map((each) => `\`${each}\``)
          .join(", ");
  return `# Who may call what

\`npm run schema\` writes this file from the rules that modules state; a test compares it. Which rows somebody reaches is not decided
here: VIEWER and ANALYST see those of their organization. Fields and types may ask for more than their root field does, and a service
may refuse what the rule lets pass, as \`updateUser\` does for other people's profiles. \`node\` and \`nodes\` ask for what the root field of
the row's type does.

## Queries

${table(
  head,
  sorted(queries).map(([name, rule]) => cells(name, rule)),
)}

## Mutations

The last column is what the audit log calls it: where two stand there, the second is that of what was refused or failed.

${table(
  [...head, "record"],
  sorted(mutations).map(([name, mutation]) => [...cells(name, mutation.rule), actionsOf(mutation)]),
)}

## Subscriptions

The door stands before the subscription; each message then shows what a query of the same actor would.

${table(
  head,
  sorted(subscriptions).map(([name, rule]) => cells(name, rule)),
)}
`;
}
