/** One statement's way through the pool: it waits, is sent, perhaps sent again, and its caller gets one answer in time. */
import type { PendingQuery, Sql } from "postgres";
import { type Caller, currentCaller } from "../../values/caller.js";
import type { UsualTime } from "./usual-time.js";

export type TurnText = Parameters<Sql["unsafe"]>;
export type SentTurn = PendingQuery<never>;

export const ignoreTurn = () => undefined;

/** Is told of each statement that has ended, with its rows, or with the SQLSTATE or the driver's code of its fault. */
export type WatchTurn = (turn: StatementTurn, rows: number | undefined, code?: string) => void;

/** Something that waits for a connection: a statement or a transaction. */
export class Turn {
  readonly caller: Caller = currentCaller();
  readonly answer: Promise<unknown>;
  isSettled = false;
  /** The deadline, by `performance.now()`. */
  readonly endsAtMs: number;
  onSettled: (() => void) | undefined;
  private readonly timer: NodeJS.Timeout | undefined;
  private readonly settle: [resolve: (answer: unknown) => void, reject: (error: unknown) => void];

  /**
   * @param timeoutMs the limit from now on, waiting included; the caller's request may have less left. Undefined is no limit
   * @param onLate is called at the limit, and must settle the turn
   */
  constructor(timeoutMs: number | undefined, onLate: () => void) {
    let settle!: typeof this.settle;
    this.answer = new Promise((resolve, reject) => {
      settle = [resolve, reject];
    });
    this.settle = settle;
    const leftMs = Math.min(
      timeoutMs ?? Number.POSITIVE_INFINITY,
      this.caller.time?.leftMs ?? Number.POSITIVE_INFINITY,
    );
    this.endsAtMs = performance.now() + leftMs;
    if (leftMs < Number.POSITIVE_INFINITY) this.timer = setTimeout(onLate, Math.ceil(leftMs));
  }

  resolve(answer: unknown): void {
    this.end();
    this.settle[0](answer);
  }

  reject(error: unknown): void {
    this.end();
    this.settle[1](error);
  }

  private end(): void {
    if (this.isSettled) return;
    this.isSettled = true;
    clearTimeout(this.timer);
    this.onSettled?.();
  }
}

/** See StatementTurn. */
export interface TurnKind {
  readonly isRead: boolean;
  readonly usual: UsualTime | undefined;
}

export class StatementTurn extends Turn {
  /** Set while a connection has it. */
  sent: SentTurn | undefined;
  /** Whether it is to be stopped as soon as it runs. */
  isUnwanted = false;
  /** Whether it needs a connection for itself, because others have waited too long behind it. */
  isAlone = false;
  /** Whether it was sent before a cancel request, which may stop it by mistake. */
  mayBeHit = false;
  /** When its connection got it, by `performance.now()`. */
  cameAtMs = 0;
  /** When it became the first on its connection. */
  firstAtMs = 0;

  /**
   * @param isRead whether it only reads. A read is stopped when its caller leaves, and answered before it has stopped
   * @param usual learns from the run. Where it is undefined or slow, other callers' statements are not sent behind this one
   */
  constructor(
    readonly text: TurnText,
    readonly isRead: boolean,
    readonly usual: UsualTime | undefined,
    private asValues: boolean,
    timeoutMs: number | undefined,
    onLate: (turn: StatementTurn) => void,
  ) {
    super(timeoutMs, () => onLate(this));
  }

  get isQuick(): boolean {
    return !this.isAlone && (this.usual?.isQuick ?? false);
  }

  /** Whether somebody still waits for it. */
  get isWanted(): boolean {
    return !this.isSettled && !this.isUnwanted;
  }

  /** Whether the driver has written it to a socket. If not, it cannot have run. */
  get wasSent(): boolean {
    return (this.sent as { state?: unknown } | undefined)?.state != null;
  }

  /** How long it has run, waiting excluded. */
  get ranMs(): number {
    return performance.now() - this.firstAtMs;
  }

  sendOn(sql: Sql): SentTurn {
    if (this.caller.request) this.caller.request.statements += 1;
    this.firstAtMs = performance.now();
    this.sent = sql.unsafe(...this.text) as SentTurn;
    return this.asValues ? (this.sent.values() as unknown as SentTurn) : this.sent;
  }

  /** The part of the driver's query that drizzle uses. */
  asDriver(): SentTurn {
    const values = () => {
      this.asValues = true;
      this.sent?.values();
      return this.answer;
    };
    return Object.assign(this.answer, { values }) as unknown as SentTurn;
  }
}
