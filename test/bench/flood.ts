/** How long somebody who is signed in waits beside a flood of guesses at passwords, with the limits as they are by default. */
import { measureBeside, removeTraces, signAllIn } from "./hostile.js";
import type { Run } from "./run.js";

const CONNECTIONS = 200;
/** Each is guessed at by a connection in turn. */
const ACCOUNTS = 5000;
/** Who waits asks more often than anybody may. */
const RATE_LIMITS = JSON.stringify({ api: { signedIn: { points: 1_000_000 } } });

const bodies = Array.from({ length: ACCOUNTS }, (_, n) =>
  JSON.stringify({
    query: "mutation($input: SignInInput!) { signIn(input: $input) { accessToken } }",
    variables: { input: { email: `nobody-${n}@flood.example`, password: "guessed-and-guessed" } },
  }),
);

const headersOf = (address: string) => ({ "content-type": "application/json", "x-forwarded-for": address });

/** @returns a table, in Markdown */
export async function measureFlood(run: Run): Promise<string> {
  const server = await run.start("postern", { environment: { TRUSTED_PROXIES: "1", RATE_LIMITS } });
  const { other } = await signAllIn(server);
  const waiting = { ...headersOf("192.0.2.1"), authorization: `Bearer ${other}` };
  const addresses = Array.from({ length: CONNECTIONS }, (_, n) => headersOf(`198.51.100.${n}`));
  const from = (name: string, headers: readonly ReturnType<typeof headersOf>[]) => ({
    name: `${CONNECTIONS} connections that sign in, ${name}`,
    load: { headers: [...headers], bodies, connections: CONNECTIONS },
  });
  const text = await measureBeside(run, server, "flood", waiting, [
    { name: "nothing" },
    from("all from one address", [headersOf("203.0.113.1")]),
    from("each from an address of its own", addresses),
  ]);
  await server.stop();
  await removeTraces(run.cluster);
  return text;
}
