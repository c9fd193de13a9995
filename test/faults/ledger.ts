/** What clients sent and what they were answered, compared with the rows, audit records and events that are there afterwards. */
import type { Sql } from "postgres";
import { isDeep } from "../support/deep.js";

export type Action = "create" | "createMany" | "update" | "find" | "delete" | "refused" | "signIn";

export type Answer =
  | { readonly is: "acknowledged"; readonly ids: readonly string[] }
  | { readonly is: "failed"; readonly code: string; readonly outcome: string | undefined }
  /** The connection broke: nobody was told anything. */
  | { readonly is: "lost" };

export interface Call {
  readonly requestId: string;
  readonly action: Action;
  /** The request id of the call that was the first to ask for the row: it stands in the row. */
  readonly subject: string;
  readonly answer: Answer;
  readonly tookMs: number;
}

/** Rows that one call makes. */
export const MADE: Partial<Record<Action, number>> = { create: 1, createMany: 3, find: 3 };
/** What a fault may do to a call. */
const ALLOWED = ["UNAVAILABLE", "TIMEOUT"];

const urlOf = (subject: string) => `https://${subject}.example/`;

export class Ledger {
  readonly calls: Call[] = [];
  private sent = 0;
  private readonly watchers = new Set<() => void>();

  /** @param mark what the request ids of this ledger begin with */
  constructor(readonly mark: string) {}

  nextId = (): string => `${this.mark}-${this.sent++}`;

  note(call: Call): void {
    this.calls.push(call);
    for (const watch of this.watchers) watch();
  }

  /** Resolves once so many more calls that fit have been answered. @throws where it takes too long */
  more(count: number, fits: (call: Call) => boolean, withinMs: number): Promise<void> {
    const from = this.calls.length;
    let left = count;
    let seen = from;
    return new Promise((resolve, reject) => {
      const end = (error?: Error) => {
        clearTimeout(late);
        this.watchers.delete(look);
        if (error) reject(error);
        else resolve();
      };
      const look = () => {
        for (; seen < this.calls.length; seen++) if (fits(this.calls[seen] as Call)) left -= 1;
        if (left <= 0) end();
      };
      const late = setTimeout(
        () => end(new Error(`${left} of ${count} are missing after ${withinMs} ms: ${this.summary(from)}`)),
        withinMs,
      );
      this.watchers.add(look);
      look();
    });
  }

  /** How many calls ended in which way, for people. */
  summary(from = 0): string {
    const counts = new Map<string, number>();
    for (const { action, answer } of this.calls.slice(from)) {
      const end = answer.is === "failed" ? `${answer.code} ${answer.outcome ?? ""}` : answer.is;
      counts.set(`${action} ${end}`, (counts.get(`${action} ${end}`) ?? 0) + 1);
    }
    return [...counts].map(([what, count]) => `${count} × ${what.trim()}`).join(", ");
  }

  /** Prints how the calls ended, where a run is to be looked at. */
  tell(): void {
    if (isDeep) console.info(`${this.mark}: ${this.summary()}`);
  }

  /** Calls that were answered later than allowed. */
  late(boundMs: number): string[] {
    return this.calls
      .filter(({ tookMs, answer }) => answer.is !== "lost" && tookMs > boundMs)
      .map(
        ({ action, requestId, tookMs, answer }) => `${action} ${requestId}: ${Math.round(tookMs)} ms, ${show(answer)}`,
      );
  }

  lost = (): Call[] => this.calls.filter(({ answer }) => answer.is === "lost");

  /** @returns what does not agree, in words: nothing is missing, doubled or half done, and each change has one audit record */
  async disagreements(sql: Sql): Promise<string[]> {
    const seen = await look(sql, this.mark);
    const faults: string[] = [];
    const known = new Set(this.calls.map(({ requestId }) => requestId));
    for (const id of [...seen.records.keys(), ...seen.events.keys(), ...seen.scans.keys(), ...seen.found.keys()]) {
      if (!known.has(id)) faults.push(`${id}: something is there that nobody was answered for`);
    }
    const bySubject = Map.groupBy(this.calls, ({ subject }) => subject);
    for (const [subject, calls] of bySubject) {
      for (const call of calls)
        faults.push(
          ...ofCall(call, seen).map((fault) => `${call.requestId} ${call.action} (${show(call.answer)}): ${fault}`),
        );
      faults.push(...ofRows(subject, calls, seen).map((fault) => `${subject}: ${fault}`));
    }
    return faults;
  }
}

const show = (answer: Answer) =>
  answer.is === "failed" ? `${answer.code}${answer.outcome ? `, outcome ${answer.outcome}` : ""}` : answer.is;

interface AuditRow {
  readonly id: string;
  readonly success: boolean | null;
  readonly replayed: boolean;
  readonly resourceId: string | null;
}

interface ScanRow {
  readonly subject: string;
  readonly id: string;
  readonly scanType: string;
  /** Vulnerabilities, by the trigger and as they are. */
  readonly counted: number;
  readonly found: number;
}

interface Seen {
  /** Audit records by request id. */
  readonly records: ReadonlyMap<string, AuditRow[]>;
  /** Types of the security events by request id. */
  readonly events: ReadonlyMap<string, string[]>;
  /** Scans by the request id that stands in them. */
  readonly scans: ReadonlyMap<string, ScanRow[]>;
  /** How many vulnerabilities a request left, by its id. */
  readonly found: ReadonlyMap<string, number>;
}

async function look(sql: Sql, mark: string): Promise<Seen> {
  const like = `${mark}-%`;
  const [records, events, scans, found] = await Promise.all([
    sql<AuditRow[]>`
      select request_id as id, success, result->'replayed' is not null as replayed, resource_id as "resourceId"
      from audit_logs where request_id like ${like}`,
    sql<{ id: string; type: string }[]>`
      select metadata->>'requestId' as id, event_type as type from security_events where metadata->>'requestId' like ${like}`,
    sql<ScanRow[]>`
      select split_part(split_part(target_url, '.', 1), '//', 2) as subject, id::text, scan_type as "scanType",
        vulnerabilities_found as counted, (select count(*)::int from vulnerabilities where scan_id = scans.id) as found
      from scans where target_url like ${urlOf(like)}`,
    sql<{ id: string; n: number }[]>`
      select title as id, count(*)::int as n from vulnerabilities where title like ${like} group by 1`,
  ]);
  return {
    records: Map.groupBy(records, ({ id }) => id),
    events: new Map([...Map.groupBy(events, ({ id }) => id)].map(([id, all]) => [id, all.map(({ type }) => type)])),
    scans: Map.groupBy(scans, ({ subject }) => subject),
    found: new Map(found.map(({ id, n }) => [id, n])),
  };
}

const doneOf = (records: readonly AuditRow[]) => records.filter(({ success }) => success === true);

/** What a call must have left on record, by what its sender was told: [at least, at most] that it was done, and that it was not. */
function expected({ action, answer }: Call): { done: [number, number]; failed: [number, number] } {
  if (answer.is === "lost") return { done: [0, 1], failed: [0, 1] };
  if (answer.is === "acknowledged" || answer.outcome === "done") return { done: [1, 1], failed: [0, 0] };
  if (answer.outcome === "none" || action === "signIn") return { done: [0, 0], failed: [0, 1] };
  if (answer.outcome === "unknown") return { done: [0, 1], failed: [1, 1] };

  return { done: [0, 0], failed: [1, 1] };
}

function ofCall(call: Call, { records, events }: Seen): string[] {
  const faults: string[] = [];
  const { requestId, action, answer } = call;
  if (answer.is === "failed" && !ALLOWED.includes(answer.code) && action !== "refused")
    faults.push("is no answer for it");
  if (action === "signIn") {
    const count = events.get(requestId)?.filter((type) => type === "authn_login_success").length ?? 0;
    const may = answer.is !== "failed" || answer.outcome === "unknown" ? 1 : 0;
    if (count > may || (answer.is === "acknowledged" && count === 0)) faults.push(`${count} events of it`);
    return faults;
  }
  const all = records.get(requestId) ?? [];
  const done = doneOf(all);
  const wanted = expected(call);
  for (const [name, count, [least, most]] of [
    ["done", done.length, wanted.done],
    ["not done", all.length - done.length, wanted.failed],
  ] as const) {
    if (count < least || count > most) faults.push(`${count} audit records that it was ${name}`);
  }
  if (action === "refused" && answer.is === "failed" && answer.code === "FORBIDDEN") {
    const count = events.get(requestId)?.length ?? 0;
    if (count !== 1) faults.push(`${count} security events of it`);
  }
  if (answer.is === "acknowledged" && action === "create" && done[0] && answer.ids[0] !== done[0].resourceId) {
    faults.push(`the answer names ${answer.ids[0]}, the record ${done[0].resourceId}`);
  }
  return faults;
}

/** Of the rows that a call made, and whoever asked again for them, and those who changed them in turn. */
function ofRows(subject: string, calls: readonly Call[], { records, scans, found }: Seen): string[] {
  const faults: string[] = [];
  const wasDone = ({ requestId }: Call) => doneOf(records.get(requestId) ?? []).some(({ replayed }) => !replayed);
  const done = calls.filter(wasDone);
  const making = calls.find(({ action }) => action in MADE && action !== "find");
  if (!making) return scans.has(subject) ? ["a refused call made rows"] : [];
  const makers = done.filter(({ action }) => action === making.action).length;
  if (makers > 1) faults.push(`was made ${makers} times`);
  const isGone = done.some(({ action }) => action === "delete");
  const rows = scans.get(subject) ?? [];
  const wanted = isGone ? 0 : makers * (MADE[making.action] ?? 0);
  if (rows.length !== wanted) faults.push(`${rows.length} rows instead of ${wanted}`);
  const acknowledged = new Set(
    calls.flatMap(({ action, answer }) => (action === making.action && answer.is === "acknowledged" ? answer.ids : [])),
  );
  for (const { id, scanType, counted, found } of rows) {
    if (acknowledged.size > 0 && !acknowledged.has(id)) faults.push(`the row ${id} is another than was answered`);
    const last = done.findLast(({ action }) => action === "update")?.requestId ?? "FULL";
    if (scanType !== last) faults.push(`the row ${id} holds ${scanType} instead of ${last}`);
    if (counted !== found) faults.push(`the row ${id} counts ${counted} vulnerabilities and has ${found}`);
  }
  for (const call of calls.filter(({ action }) => action === "find")) {
    const wanted = !isGone && wasDone(call) ? (MADE.find ?? 0) : 0;
    const count = found.get(call.requestId) ?? 0;
    if (count !== wanted) faults.push(`${call.requestId} left ${count} vulnerabilities instead of ${wanted}`);
  }
  return faults;
}
