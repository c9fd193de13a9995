/** Tests that are left out where a pooler stands between the app and PostgreSQL, and what cannot hold there. */

/** By what vitest prints: the file, the suites and the name. */
export const EXCEPTIONS: Readonly<Record<string, string>> = {
  "test/db/fairness.test.ts > over HTTP: while 24 requests of one user wait, another user is answered, and so is nobody known":
    "The pooler's three connections are behind Postern's ten, and are lent to whoever asks first.",
  "test/graphql/limits/hostile.test.ts > 24 slow statements in flight":
    "The pooler's three connections are behind Postern's ten, and are lent to whoever asks first.",
  "test/db/database.test.ts > a database that is away is UNAVAILABLE for reads, writes and signing in, soon; and then all is well again":
    "The pooler is there and waits for the database, so that the time-out comes first: TIMEOUT, and a change is unknown.",
  "test/http/host.test.ts > GET /health/ready answers 200":
    "Readiness tells of the pooler too: test/pgbouncer/pooler.test.ts has what it says.",
  "test/process/streams.test.ts > a start that waits for another's migration says so, and heeds a signal at once":
    "The first start ends idle connections of its role, and so the test's own, which holds the lock.",
};
