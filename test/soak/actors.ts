/** Who asks in the soak: organizations, each with somebody who writes and somebody who reads, and staff who look across them. */
import { type Server, signIn } from "../bench/servers.js";

export const PASSWORD = "soak-needs-no-secret";
const ORGANIZATIONS = 25;
const STAFF = 4;

export interface Actor {
  readonly email: string;
  readonly role: "ANALYST" | "VIEWER" | "SECURITY";
  /** Null for staff. */
  readonly organizationId: string | null;
  /** The newest that was given for it. */
  token: string;
}

/** Creates them through the API and signs each in. @param server which its administrator is signed in to */
export async function createActors(server: Server): Promise<Actor[]> {
  const items = Array.from({ length: ORGANIZATIONS }, (_, n) => ({ name: `Soak ${n}`, domain: `soak${n}.example` }));
  const { createOrganizations } = (await server.ask(
    JSON.stringify({
      query:
        "mutation($input: CreateOrganizationsInput!) { createOrganizations(input: $input) { organizations { id } } }",
      variables: { input: { items } },
    }),
  )) as { createOrganizations: { organizations: { id: string }[] } };
  const users = [
    ...createOrganizations.organizations.flatMap(({ id }) =>
      (["ANALYST", "VIEWER"] as const).map((role) => ({ role, organizationId: id })),
    ),
    ...Array.from({ length: STAFF }, () => ({ role: "SECURITY" as const, organizationId: null })),
  ].map((user, n) => ({ ...user, email: `actor${n}@soak.example` }));
  await server.ask(
    JSON.stringify({
      query: "mutation($input: CreateUsersInput!) { createUsers(input: $input) { users { id } } }",
      variables: { input: { items: users.map((user) => ({ ...user, password: PASSWORD })) } },
    }),
  );
  const actors: Actor[] = [];
  for (const user of users) {
    actors.push({ ...user, token: await signIn(server.url, { email: user.email, password: PASSWORD }) });
  }
  return actors;
}
