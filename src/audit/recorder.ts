/** Keeps records that belong to no change. It writes them in batches to the database or, while that is away, to a folder. */
import { randomUUID } from "node:crypto";
import type { Db } from "../db/client.js";
import { isRefusedValue } from "../db/postgres-errors.js";
import { notRecordedError } from "../errors.js";
import type { Log } from "../log.js";
import type { Timings } from "../timings.js";
import { asCaller, POSTERN_CALLER } from "../values/caller.js";
import { BatchDeadline } from "./batch-deadline.js";
import { createRecordsFolder, type RecordsFolder } from "./folder.js";
import { findInstallationOfRecords, insertRecords, type RecordRows, type RecordTable } from "./records.js";

/** A record as a service makes it: all its values but `recordId`, by column property. */
interface NewRecord {
  readonly table: RecordTable;
  readonly row: Readonly<Record<string, unknown>>;
}

interface RecorderDeps {
  /** A client with one connection that nothing else uses. */
  readonly db: Db;
  readonly log: Log;
  /** The folder where records wait. */
  readonly path: string;
  readonly timings: Pick<Timings, "recordsRetryMs">;
}

export interface RecorderState {
  /** Records of this process that wait in the folder. */
  readonly waiting: number;
  /** Records that this process could keep nowhere. */
  readonly lost: number;
}

/** How often the folder is searched for records of other processes. */
const SWEEP_MS = 10_000;
/** The limits of one batch. */
const BATCH_RECORDS = 500;
const BATCH_CHARACTERS = 1_048_576;
/** Room for some 100,000 refusals. */
const FOLDER_BYTES = 67_108_864;

/** A record whose values the database refuses. */
type RefusedRecord = { readonly line: string; readonly error: unknown };

/** The records of one caller who waits. */
interface WaitingCall {
  /** The name of the table, a space, the row as JSON. */
  readonly lines: readonly string[];
  /** When the caller must be answered, by `performance.now()`. */
  readonly untilMs: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export type Recorder = ReturnType<typeof createRecorder>;

function rowsOf(lines: readonly string[]): RecordRows {
  const rows: Record<RecordTable, string[]> = { auditLogs: [], securityEvents: [] };
  for (const line of lines) {
    const end = line.indexOf(" ");
    rows[line.slice(0, end) as RecordTable].push(line.slice(end + 1));
  }
  return rows;
}

export function createRecorder({ db, log, path, timings }: RecorderDeps) {
  let folder: RecordsFolder | undefined;
  /** The calls that wait for the next batch. */
  const waitingCalls: WaitingCall[] = [];
  const deadline = new BatchDeadline();
  let writing: Promise<void> | undefined;
  let sweeping: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isAway = false;
  /** Whether a record has come into the folder since a sweep looked there last, perhaps while that sweep was under way. */
  let isBehind = false;
  let hasStopped = false;
  let lost = 0;

  function markAway(error: unknown): void {
    if (!isAway) log.warn({ err: error }, "the database takes no records: they wait in the folder");
    isAway = true;
    scheduleSweep(timings.recordsRetryMs);
  }

  function scheduleSweep(ms: number): void {
    clearTimeout(timer);
    if (hasStopped) return;
    timer = setTimeout(startSweep, ms);
    timer.unref();
  }

  function countLost(records: number, error: unknown): void {
    lost += records;
    log.error({ err: error, records }, "records lost");
  }

  const countRefused = (refused: readonly RefusedRecord[]) => {
    for (const { error } of refused) countLost(1, error);
  };

  /**
   * Inserts records, of which some may be there already. @throws where the database is away
   * @returns those whose values it refuses, which it finds by halving, so that they do not hold up the others
   */
  async function insert(lines: readonly string[]): Promise<readonly RefusedRecord[]> {
    try {
      await insertRecords(db, rowsOf(lines));
      return [];
    } catch (error) {
      if (!isRefusedValue(error)) throw error;
      if (lines.length > 1) {
        const half = lines.length >> 1;
        return [...(await insert(lines.slice(0, half))), ...(await insert(lines.slice(half)))];
      }
      return lines.map((line) => ({ line, error }));
    }
  }

  /** @returns the lines that could be kept nowhere */
  async function write(lines: readonly string[], untilMs: number): Promise<readonly string[]> {
    if (!isAway) {
      try {
        const refused = await deadline.apply(untilMs, insert(lines));
        countRefused(refused);
        return refused.map(({ line }) => line);
      } catch (error) {
        markAway(error);
      }
    }
    try {
      if (!folder) throw new Error("the recorder has not started");
      await folder.append(lines);
      isBehind = true;
      if (!isAway && !sweeping) scheduleSweep(timings.recordsRetryMs);
      return [];
    } catch (error) {
      countLost(lines.length, error);
      return lines;
    }
  }

  function takeBatch(): WaitingCall[] {
    let records = 0;
    let characters = 0;
    const end = waitingCalls.findIndex(({ lines }) => {
      const isFull = records >= BATCH_RECORDS || characters >= BATCH_CHARACTERS;
      records += lines.length;
      characters += lines.reduce((sum, { length }) => sum + length, 0);
      return isFull;
    });
    return waitingCalls.splice(0, end < 0 ? waitingCalls.length : end);
  }

  async function writeBatches(): Promise<void> {
    while (waitingCalls.length > 0) {
      const batch = takeBatch();
      const lines = batch.flatMap(({ lines }) => lines);
      const unkept = new Set(await write(lines, Math.min(...batch.map(({ untilMs }) => untilMs))));
      for (const { lines, resolve, reject } of batch) {
        if (lines.some((line) => unkept.has(line))) reject(notRecordedError());
        else resolve();
      }
    }
    writing = undefined;
  }

  /** Moves the records of the folder into the database. */
  async function moveFiles(folder: RecordsFolder): Promise<void> {
    for (const name of await folder.list()) {
      const taken = await folder.take(name);
      if (!taken) continue;
      const refused: RefusedRecord[] = [];
      try {
        for (let start = 0; start < taken.lines.length; start += BATCH_RECORDS) {
          refused.push(...(await insert(taken.lines.slice(start, start + BATCH_RECORDS))));
        }
      } catch (error) {
        return markAway(error);
      }
      const kept = taken.lines.length - refused.length;
      if (kept > 0) log.info({ records: kept }, "records that waited are in the database");
      // They are counted only here, because a file that failed halfway is tried again.
      countRefused(refused);
      if (taken.damaged > 0) countLost(taken.damaged, new Error(`lines of ${name} cannot be read`));
      await taken.remove();
    }
  }

  async function sweep(): Promise<void> {
    if (isAway) {
      try {
        await insertRecords(db, rowsOf([]));
      } catch (error) {
        return markAway(error);
      }
      isAway = false;
      log.info("the database takes records again");
    }
    isBehind = false;
    if (folder) await moveFiles(folder).catch((error) => log.warn({ err: error }, "records in the folder wait on"));
  }

  function startSweep(): void {
    sweeping ??= asCaller(POSTERN_CALLER, sweep).finally(() => {
      sweeping = undefined;
      // The database may have gone away during the sweep, so the state of now decides.
      scheduleSweep(isAway || isBehind ? timings.recordsRetryMs : SWEEP_MS);
    });
  }

  return {
    /** Resolves once the records are durable, in the database or in the folder. @throws UNAVAILABLE where neither is possible */
    keep(...records: readonly NewRecord[]): Promise<void> {
      if (records.length === 0) return Promise.resolve();
      const lines = records.map(({ table, row }) => `${table} ${JSON.stringify({ ...row, recordId: randomUUID() })}`);
      return new Promise((resolve, reject) => {
        const untilMs = BatchDeadline.ofCaller();
        deadline.shorten(untilMs);
        waitingCalls.push({ lines, untilMs, resolve, reject });
        // Postern is the caller, because a batch holds records of several.
        writing ??= asCaller(POSTERN_CALLER, writeBatches);
      });
    },

    state: (): RecorderState => ({ waiting: folder?.waiting ?? 0, lost }),

    /** Begins to move records into the database, those of predecessors too. */
    async start(): Promise<void> {
      folder = createRecordsFolder({ path, owner: await findInstallationOfRecords(db), maxBytes: FOLDER_BYTES });
      await folder.open().catch((error) => {
        log.warn({ err: error }, "DATA_DIR cannot be written to: while the database is away, what is refused is lost");
      });
      startSweep();
    },

    /** Call it when nobody calls `keep` any more. */
    async stop(): Promise<void> {
      hasStopped = true;
      clearTimeout(timer);
      await writing;
      await sweeping;
      await folder?.close();
    },
  };
}
