/** Clients that write all the time, each one call after the other, and put every answer in a ledger. */
import { setTimeout as delay } from "node:timers/promises";
import { PASSWORD } from "../support/own-cluster.js";
import { signIn } from "../support/postern.js";
import { type Action, type Answer, type Call, Ledger, MADE } from "./ledger.js";

const DOCUMENTS: Record<Exclude<Action, "refused">, string> = {
  create: "mutation($input: CreateScanInput!) { createScan(input: $input) { scan { id version } } }",
  createMany: "mutation($input: CreateScansInput!) { createScans(input: $input) { scans { id } } }",
  update: "mutation($input: UpdateScanInput!) { updateScan(input: $input) { scan { id version } } }",
  find: `mutation($input: CreateVulnerabilitiesInput!) {
    createVulnerabilities(input: $input) { scan { version } vulnerabilities { id } } }`,
  delete: "mutation($input: DeleteScanInput!) { deleteScan(input: $input) { deletedScanId } }",
  signIn: "mutation($input: SignInInput!) { signIn(input: $input) { accessToken } }",
};
// biome-ignore lint/suspicious/noExplicitAny: answers are looked at, not computed with
type Json = any;

/** Longer than anything may take: whoever is not answered by then counts as lost. */
const GIVE_UP_MS = 30_000;
/** Between a call that was not done and the next one. */
const PAUSE_MS = 20;

const WRITERS = [
  { email: "analyst@demo.example", organizationId: "1" },
  { email: "analyst.clinic@demo.example", organizationId: "2" },
  { email: "admin@demo.example", organizationId: "1" },
] as const;
const REFUSED = "viewer@demo.example";

export interface Writing {
  readonly ledger: Ledger;
  /** Resolves once so many more calls were acknowledged. */
  acknowledged(count: number): Promise<void>;
  /** Resolves once so many more calls failed with this code. */
  failed(count: number, code: string): Promise<void>;
  /** Lets each end what it has begun. */
  stop(): Promise<void>;
}

export interface WritingOptions {
  /** Where to send the next call; undefined while nobody is there. */
  readonly url: () => string | undefined;
  /** One that answers now. */
  readonly signInAt: string;
  /** What request ids begin with. */
  readonly mark: string;
  /** For so many acknowledged calls to come. */
  readonly patienceMs: number;
  readonly count?: number;
  /** Of every demo user. */
  readonly password?: string;
}

/** @throws where nobody can sign in */
export async function startWriting({
  url,
  signInAt,
  mark,
  patienceMs,
  count = 6,
  password = PASSWORD,
}: WritingOptions): Promise<Writing> {
  const ledger = new Ledger(mark);
  let isOver = false;
  const refused = await signIn(signInAt, REFUSED, password);

  async function untilThere(): Promise<string | undefined> {
    for (;;) {
      const there = url();
      if (there !== undefined || isOver) return there;
      await delay(PAUSE_MS);
    }
  }

  /** Sends one call and writes down what came of it. */
  async function call(
    action: Action,
    token: string | undefined,
    subject: string | undefined,
    inputOf: (requestId: string) => object,
  ) {
    const there = await untilThere();
    if (there === undefined) return undefined;
    const requestId = ledger.nextId();
    const query = DOCUMENTS[action === "refused" ? "create" : action];
    const since = performance.now();
    const { answer, data } = await sendCall(
      there,
      { query, variables: { input: inputOf(requestId) } },
      requestId,
      token,
    );
    const noted: Call = { requestId, action, subject: subject ?? requestId, answer, tookMs: performance.now() - since };
    ledger.note(noted);
    if (answer.is !== "acknowledged") await delay(PAUSE_MS);
    return { ...noted, data };
  }

  async function write({ email, organizationId }: (typeof WRITERS)[number], first: string): Promise<void> {
    let token = first;
    const scan = (subject: string) => ({ organizationId, targetUrl: `https://${subject}.example/`, scanType: "FULL" });
    for (let round = 0; !isOver; round++) {
      const action = round % 3 === 2 ? "createMany" : "create";
      let subject: string | undefined;
      let made: Awaited<ReturnType<typeof call>>;
      // By its key it is made once, however often it is sent, and to whomever.
      do {
        made = await call(action, token, subject, (requestId) => {
          subject ??= requestId;
          const rows = Array.from({ length: MADE[action] ?? 1 }, () => scan(subject as string));
          return { ...(action === "create" ? rows[0] : { items: rows }), idempotencyKey: subject };
        });
      } while (!isOver && made?.answer.is !== "acknowledged");
      if (made?.answer.is !== "acknowledged") return;
      if (action === "create") await change(made.data.createScan.scan, token, made.subject, round % 2 === 0);
      if (round % 4 === 0) await call("refused", refused, undefined, scan);
      if (round % 8 === 0) {
        const signedIn = await call("signIn", undefined, undefined, () => ({ email, password }));
        token = signedIn?.data?.signIn?.accessToken ?? token;
      }
    }
  }

  /** Each step needs that the one before it was done: where that is not known, the row is left alone. */
  async function change(scan: { id: string; version: number }, token: string, subject: string, isDeleted: boolean) {
    const { id } = scan;
    const updated = await call("update", token, subject, (scanType) => ({ id, version: scan.version, scanType }));
    if (updated?.answer.is !== "acknowledged") return;
    const found = await call("find", token, subject, (title) => ({
      scanId: id,
      items: Array.from({ length: MADE.find ?? 1 }, () => ({ severity: "LOW", vulnType: "X", title })),
    }));
    if (found?.answer.is !== "acknowledged" || !isDeleted) return;
    await call("delete", token, subject, () => ({ id }));
  }

  const started = await Promise.all(
    Array.from({ length: count }, async (_, n) => {
      const writer = WRITERS[n % WRITERS.length] as (typeof WRITERS)[number];
      return { writer, token: await signIn(signInAt, writer.email, password) };
    }),
  );
  const writing = started.map(({ writer, token }) => write(writer, token));
  return {
    ledger,
    acknowledged: (count) => ledger.more(count, ({ answer }) => answer.is === "acknowledged", patienceMs),
    failed: (count, code) =>
      ledger.more(count, ({ answer }) => answer.is === "failed" && answer.code === code, patienceMs),
    async stop() {
      isOver = true;
      await Promise.all(writing);
    },
  };
}

/** @returns the answer, and its data where there are no errors */
export async function sendCall(url: string, body: object, requestId: string, token?: string) {
  try {
    const response = await fetch(`${url}/graphql`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "x-request-id": requestId,
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(GIVE_UP_MS),
    });
    const { data, errors } = (await response.json()) as {
      data: Json;
      errors?: { extensions: Record<string, string> }[];
    };
    const { code = "", outcome } = errors?.[0]?.extensions ?? {};
    const answer: Answer = errors ? { is: "failed", code, outcome } : { is: "acknowledged", ids: idsIn(data) };
    return { answer, data };
  } catch {
    return { answer: { is: "lost" } as Answer, data: undefined };
  }
}

/** Those of the scans that a call made. */
const idsIn = (data: { createScan?: { scan: { id: string } }; createScans?: { scans: { id: string }[] } }): string[] =>
  data.createScan ? [data.createScan.scan.id] : (data.createScans?.scans.map(({ id }) => id) ?? []);
