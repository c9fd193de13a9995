/** The app under test on a database of its own, and clients that talk to it over HTTP as somebody. */
import { randomUUID } from "node:crypto";
import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/postgres-js";
import type { GraphQLSchema } from "graphql";
import postgres, { type Options, type Sql } from "postgres";
import { afterAll, beforeAll, inject } from "vitest";
import { type App, createApp } from "../../src/app.js";
import { type Config, readConfig } from "../../src/config.js";
import { createClient } from "../../src/db/client.js";
import { configureRole } from "../../src/db/role.js";
import { createLog } from "../../src/log.js";
import type { Provider } from "../../src/providers/provider.js";
import { TIMINGS, type Timings } from "../../src/timings.js";
import { PASSWORD, TEMPLATE } from "./cluster.js";
import { rememberMetadata } from "./metadata.js";
import { RAISED_LIMITS } from "./rate-limits.js";

export { PASSWORD };

/** As often as pg-boss allows, and whatever a test waits for soon. */
const BRISK: Timings = {
  ...TIMINGS,
  jobsSeconds: 0.5,
  watchMs: 500,
  waitingMs: 250,
  recordsRetryMs: 200,
  refusalPauseMs: 200,
};

/** The demo's accounts. `otherViewer` and `otherAnalyst` belong to the second organization. */
export const EMAILS = {
  viewer: "viewer@demo.example",
  analyst: "analyst@demo.example",
  dba: "dba@demo.example",
  security: "security@demo.example",
  admin: "admin@demo.example",
  otherViewer: "viewer.clinic@demo.example",
  otherAnalyst: "analyst.clinic@demo.example",
} as const;
export type Somebody = keyof typeof EMAILS;

// biome-ignore lint/suspicious/noExplicitAny: answers are looked at, not computed with
type Json = any;

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly data: Json;
  readonly errors: { message: string; path?: (string | number)[]; extensions: Record<string, Json> }[] | undefined;
  /** The code of the errors, where all have the same; undefined where there are none. */
  readonly code: string | undefined;
}

export interface Client {
  readonly token: string | null;
  run(
    query: string,
    variables?: Record<string, unknown>,
    headers?: Record<string, string>,
    operationName?: string,
  ): Promise<Answer>;
}

export interface TestApp {
  readonly schema: GraphQLSchema;
  readonly access: App["access"];
  readonly url: string;
  /** Its `DATA_DIR`, which replicas share. */
  readonly folder: string;
  /** Postern's database, for looking behind the API; rows come as the driver gives them. */
  readonly sql: Sql;
  /** Lines of the log. */
  readonly log: Record<string, Json>[];
  /** Statements that Postern has sent; empty it before what you count. */
  readonly statements: string[];
  /** Time as Postern sees it: advance it by adding milliseconds. */
  readonly clock: { aheadMs: number };
  readonly anonymous: Client;
  /** Signs in once for each account. */
  as(who: Somebody): Promise<Client>;
  withToken(token: string | null): Client;
  /** Another Postern on the same database. @param way another way to the server @param environment what it is given besides */
  replica(
    way?: Options<Record<string, never>>,
    environment?: Record<string, string>,
  ): Promise<{ url: string; as(token: string | null): Client; stop(): Promise<void> }>;
}

function clientOf(url: string, token: string | null): Client {
  return {
    token,
    async run(query, variables, headers, operationName) {
      const response = await fetch(`${url}/graphql`, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          ...(token !== null && { authorization: `Bearer ${token}` }),
          ...headers,
        },
        body: JSON.stringify({ query, variables, operationName }),
      });
      const { data, errors } = (await response.json()) as Pick<Answer, "data" | "errors">;
      const [code, ...others] = new Set(errors?.map(({ extensions }) => extensions.code as string));
      return {
        status: response.status,
        headers: response.headers,
        data,
        errors,
        code: others.length > 0 ? undefined : code,
      };
    },
  };
}

/**
 * Starts Postern on a clone of the template for the tests of a file; stops it after them.
 * @param openProviders what sees and operates instances: none unless given
 * @param timings what is to be quicker still
 */
export function testApp(
  environment: Record<string, string> = {},
  openProviders: () => Promise<readonly Provider[]> = async () => [],
  timings: Partial<Timings> = {},
): TestApp {
  const state = { log: [] as Record<string, Json>[], statements: [] as string[], clock: { aheadMs: 0 } };
  const database = `t_${randomUUID().replaceAll("-", "")}`;
  const connection = { ...inject("appConnection"), database };
  const tokens = new Map<Somebody, Promise<Client>>();
  const stops: (() => Promise<void>)[] = [];
  const folder = mkdtempSync(join(tmpdir(), "postern-test-"));
  stops.push(() => rm(folder, { recursive: true }));
  const app = { ...state, folder } as { -readonly [K in keyof TestApp]: TestApp[K] };

  const start = async (
    way: Options<Record<string, never>> = connection,
    besides: Record<string, string> = {},
  ): Promise<{ app: App; url: string }> => {
    const given = {
      ...{ PORT: "0", DEMO: "false", DATABASE_URL: "postgres://unused", DATA_DIR: folder },
      // On a busy machine any statement may be slow, and tests look at all that is logged.
      SLOW_STATEMENT_MS: "600000",
      RATE_LIMITS: RAISED_LIMITS,
    };
    const config: Config = readConfig({ ...given, ...environment, ...besides });
    const log = createLog("trace", { write: (line) => void state.log.push(JSON.parse(line)) });
    const forgetMetadata = rememberMetadata();
    const created = await createApp(config, {
      version: { version: "0.0.0", commit: null },
      log,
      clock: { now: () => new Date(Date.now() + state.clock.aheadMs) },
      connection: way,
      providers: await openProviders(),
      timings: { ...BRISK, ...timings },
      onStatement: (text) => {
        // The poll for other replicas' revocations runs beside the requests that are counted.
        if (!text.includes("revoked_at > ")) state.statements.push(text);
      },
    });
    forgetMetadata();
    const url = await created.start();
    stops.push(() => created.stop());
    return { app: created, url };
  };

  beforeAll(async () => {
    const direct = { ...inject("connection"), database };
    const owner = createClient({ connection: { ...direct, database: "postern" }, poolSize: 1 });
    await owner.db.execute(sql.raw(`create database ${database} template ${TEMPLATE}`));
    await owner.close();
    // As at each start. Its settings go with a database, and not to the clones of one; direct connections bring them along.
    if (inject("pooler")) {
      const first = createClient({ connection: direct, poolSize: 1, anySettings: true });
      await configureRole(first, 10_000, createLog("silent"));
      await first.close();
    }
    const behind = postgres({ ...direct, max: 3, fetch_types: false, onnotice: () => undefined });
    stops.push(() => behind.end({ timeout: 0 }));
    // Dates and JSON as Postern gets them.
    drizzle(behind);
    // The driver never answers a reservation that comes before the first statement.
    await behind`select 1`;
    app.sql = behind;
    const { app: created, url } = await start();
    app.schema = created.schema;
    app.access = created.access;
    app.url = url;
    app.anonymous = clientOf(app.url, null);
  });

  afterAll(async () => {
    for (const stop of stops.splice(0).reverse()) await stop();
    // The driver remembers where statements came from, and with that this app: let it be an empty one, for the collector's sake.
    app.log.length = app.statements.length = 0;
    tokens.clear();
    for (const name of ["schema", "access"] as const) delete (app as Partial<typeof app>)[name];
  });

  app.withToken = (token) => clientOf(app.url, token);
  app.as = (who) => {
    const known =
      tokens.get(who) ?? signIn(app.anonymous, EMAILS[who]).then(({ accessToken }) => clientOf(app.url, accessToken));
    tokens.set(who, known);
    return known;
  };
  app.replica = async (way, besides) => {
    const { app: created, url } = await start(way && { ...way, database }, besides);
    return { url, as: (token) => clientOf(url, token), stop: () => created.stop() };
  };
  return app;
}

/** @returns the credentials @throws where signing in fails */
export async function signIn(client: Client, email: string, password = PASSWORD) {
  const { data, errors } = await client.run(
    `mutation($input: SignInInput!) { signIn(input: $input) { accessToken refreshToken expiresAt } }`,
    { input: { email, password } },
  );
  if (errors) throw new Error(errors[0]?.message);
  return data.signIn as { accessToken: string; refreshToken: string; expiresAt: string };
}
