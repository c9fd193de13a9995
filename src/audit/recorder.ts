/** Keeps records that belong to no change: written in batches on a connection of their own, or to a folder until the database takes them. */
import { randomUUID } from "node:crypto";
import type { Db } from "../db/client.js";
import { isRefusedValue } from "../db/postgres-errors.js";
import { notRecorded } from "../errors.js";
import type { Log } from "../log.js";
import type { Pace } from "../pace.js";
import { asCaller, POSTERN } from "../values/caller.js";
import { createRecordsFolder, type RecordsFolder } from "./folder.js";
import { Patience } from "./patience.js";
import { findInstallation, insertRecords, type RecordRows, type RecordTable } from "./records.js";

/** A record as its service makes it: values by column property, the moment among them. */
export interface NewRecord {
  readonly table: RecordTable;
  readonly row: Readonly<Record<string, unknown>>;
}

export interface RecorderDeps {
  /** Of one connection that nothing else uses. */
  readonly db: Db;
  readonly log: Log;
  /** The folder where records wait. */
  readonly path: string;
  readonly pace: Pick<Pace, "recordsRetryMs">;
}

/** How many records wait in the folder, by this process, and how many it could keep nowhere. */
export interface RecorderState {
  readonly waiting: number;
  readonly lost: number;
}

/** How often the folder is looked at for what another process has left. */
const SWEEP_MS = 10_000;
/** What is written at once. */
const BATCH_RECORDS = 500;
const BATCH_CHARACTERS = 1_048_576;
/** Some 100,000 refusals. */
const FOLDER_BYTES = 67_108_864;

/** A record that the database would refuse again. */
type Refused = { readonly line: string; readonly error: unknown };

/** What one caller waits for. */
interface Waiting {
  /** The name of the table, a space, the row as JSON. */
  readonly lines: readonly string[];
  /** When it is to be answered. */
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

export function createRecorder({ db, log, path, pace }: RecorderDeps) {
  let folder: RecordsFolder | undefined;
  /** What comes while a batch is written. */
  const gathered: Waiting[] = [];
  const patience = new Patience();
  let writing: Promise<void> | undefined;
  let takingUp: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isAway = false;
  let hasStopped = false;
  let lost = 0;

  function goAway(error: unknown): void {
    if (!isAway) log.warn({ err: error }, "the database takes no records: they wait in the folder");
    isAway = true;
    lookIn(pace.recordsRetryMs);
  }

  function lookIn(ms: number): void {
    clearTimeout(timer);
    if (hasStopped) return;
    timer = setTimeout(takeUp, ms);
    timer.unref();
  }

  function lose(records: number, error: unknown): void {
    lost += records;
    log.error({ err: error, records }, "records lost");
  }

  const loseRefused = (refused: readonly Refused[]) => {
    for (const { error } of refused) lose(1, error);
  };

  /**
   * Writes records that may be there already. @throws where the database takes none
   * @returns those whose values it would refuse again: they must not hold up the others
   */
  async function insert(lines: readonly string[]): Promise<readonly Refused[]> {
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

  /** @returns those that are kept nowhere */
  async function write(lines: readonly string[], untilMs: number): Promise<readonly string[]> {
    if (!isAway) {
      try {
        const refused = await patience.until(untilMs, insert(lines));
        loseRefused(refused);
        return refused.map(({ line }) => line);
      } catch (error) {
        goAway(error);
      }
    }
    try {
      if (!folder) throw new Error("the recorder has not started");
      await folder.append(lines);
      return [];
    } catch (error) {
      lose(lines.length, error);
      return lines;
    }
  }

  function nextBatch(): Waiting[] {
    let records = 0;
    let characters = 0;
    const end = gathered.findIndex(({ lines }) => {
      const isFull = records >= BATCH_RECORDS || characters >= BATCH_CHARACTERS;
      records += lines.length;
      characters += lines.reduce((sum, { length }) => sum + length, 0);
      return isFull;
    });
    return gathered.splice(0, end < 0 ? gathered.length : end);
  }

  async function writeGathered(): Promise<void> {
    while (gathered.length > 0) {
      const batch = nextBatch();
      const lines = batch.flatMap(({ lines }) => lines);
      const unkept = new Set(await write(lines, Math.min(...batch.map(({ untilMs }) => untilMs))));
      for (const { lines, resolve, reject } of batch) {
        if (lines.some((line) => unkept.has(line))) reject(notRecorded());
        else resolve();
      }
    }
    writing = undefined;
  }

  /** Brings what waits in the folder into the database. */
  async function takeUpFiles(folder: RecordsFolder): Promise<void> {
    for (const name of await folder.list()) {
      const taken = await folder.take(name);
      if (!taken) continue;
      const refused: Refused[] = [];
      try {
        for (let start = 0; start < taken.lines.length; start += BATCH_RECORDS) {
          refused.push(...(await insert(taken.lines.slice(start, start + BATCH_RECORDS))));
        }
      } catch (error) {
        return goAway(error);
      }
      const kept = taken.lines.length - refused.length;
      if (kept > 0) log.info({ records: kept }, "records that waited are in the database");
      // Once for a file, however often it was tried.
      loseRefused(refused);
      if (taken.damaged > 0) lose(taken.damaged, new Error(`lines of ${name} cannot be read`));
      await taken.end();
    }
  }

  async function look(): Promise<void> {
    if (isAway) {
      try {
        await insertRecords(db, rowsOf([]));
      } catch (error) {
        return goAway(error);
      }
      isAway = false;
      log.info("the database takes records again");
    }
    if (folder) await takeUpFiles(folder).catch((error) => log.warn({ err: error }, "records in the folder wait on"));
  }

  function takeUp(): void {
    takingUp ??= asCaller(POSTERN, look).finally(() => {
      takingUp = undefined;
      // It may have gone away meanwhile, and the timer of that is over.
      lookIn(isAway ? pace.recordsRetryMs : SWEEP_MS);
    });
  }

  return {
    /** Resolves once they are kept for good, in the database or in the folder. @throws UNAVAILABLE where neither is possible */
    keep(...records: readonly NewRecord[]): Promise<void> {
      if (records.length === 0) return Promise.resolve();
      const lines = records.map(({ table, row }) => `${table} ${JSON.stringify({ ...row, recordId: randomUUID() })}`);
      return new Promise((resolve, reject) => {
        const untilMs = Patience.ends();
        patience.shorten(untilMs);
        gathered.push({ lines, untilMs, resolve, reject });
        // What others send meanwhile is written too.
        writing ??= asCaller(POSTERN, writeGathered);
      });
    },

    state: (): RecorderState => ({ waiting: folder?.waiting ?? 0, lost }),

    /** Takes up what a predecessor has left. */
    async start(): Promise<void> {
      folder = createRecordsFolder({ path, owner: await findInstallation(db), maxBytes: FOLDER_BYTES });
      await folder.open().catch((error) => {
        log.warn({ err: error }, "DATA_DIR cannot be written to: while the database is away, what is refused is lost");
      });
      takeUp();
    },

    /** Call it when nobody keeps any more. */
    async stop(): Promise<void> {
      hasStopped = true;
      clearTimeout(timer);
      await writing;
      await takingUp;
      await folder?.close();
    },
  };
}
