/** Wires audit records and security events. They have a connection of their own, because requests may keep the whole pool busy. */
import { type ClientOptions, createClient, type Db } from "../db/client.js";
import type { Log } from "../log.js";
import type { Timings } from "../timings.js";
import { type AuditService, createAuditService } from "./audit.service.js";
import { createRecorder, type RecorderState } from "./recorder.js";
import { createSecurityService, type SecurityService } from "./security.service.js";

interface RecordsOptions extends Pick<ClientOptions, "connection" | "onStatement" | "slow"> {
  /** The pool of the requests, for records that belong to a change. */
  readonly db: Db;
  readonly log: Log;
  readonly clock: { now(): Date };
  readonly statementTimeoutMs: number;
  /** The folder where records wait while the database is away. */
  readonly path: string;
  readonly timings: Pick<Timings, "recordsTimeoutMs" | "recordsRetryMs">;
}

export interface Records {
  readonly audit: AuditService;
  readonly security: SecurityService;
  /** @returns how many records wait, and how many are lost */
  state(): RecorderState;
  start(): Promise<void>;
  stop(): Promise<void>;
}

export function openRecords(options: RecordsOptions): Records {
  const { db, connection, onStatement, slow, log, clock, statementTimeoutMs, path, timings } = options;
  const client = createClient({
    connection,
    poolSize: 1,
    statementTimeoutMs: Math.min(statementTimeoutMs, timings.recordsTimeoutMs),
    onStatement,
    slow,
  });
  const recorder = createRecorder({ db: client.db, log, path, timings });
  const audit = createAuditService({ clock, recorder });
  return {
    audit,
    security: createSecurityService({ db, audit, clock, recorder }),
    state: recorder.state,
    start: recorder.start,
    async stop() {
      await recorder.stop();
      await client.close();
    },
  };
}
