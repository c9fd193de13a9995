/** The way of one statement through the pool: it waits, is sent, perhaps sent again, and its caller is answered once, in time. */
import type { PendingQuery, Sql } from "postgres";
import { type Caller, currentCaller } from "../../values/caller.js";
import type { UsualTime } from "./usual-time.js";

export type Text = Parameters<Sql["unsafe"]>;
export type Sent = PendingQuery<never>;

export const noop = () => undefined;
const fault = (message: string, code: string) => Object.assign(new Error(message), { code });
export const closed = () => fault("The connection has closed.", "CONNECTION_CLOSED");
export const connectTimeout = () => fault("The database took no connection in time.", "CONNECT_TIMEOUT");
/** The connection was lost before it was open. */
export const unopened = (cause: unknown) =>
  Object.assign(fault("The connection closed while it was opened.", "CONNECTION_ENDED"), { cause });
/** Nobody knows whether it ran. */
export const givenUp = () => fault("Neither the statement nor its cancelling was answered in time.", "GIVEN_UP");

/** What waits for a connection. */
export class Turn {
  readonly caller: Caller = currentCaller();
  readonly answer: Promise<unknown>;
  isSettled = false;
  /** By `performance.now()`. */
  readonly endsAtMs: number;
  onSettled: (() => void) | undefined;
  private readonly timer: NodeJS.Timeout | undefined;
  private readonly settle: [resolve: (answer: unknown) => void, reject: (error: unknown) => void];

  /**
   * @param timeoutMs from now on, waiting included, where the caller's request has no less left; undefined is for ever
   * @param onLate must see to it that it is settled
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

export class StatementTurn extends Turn {
  /** Set while a connection has it. */
  sent: Sent | undefined;
  /** It is to be stopped as soon as it runs. */
  isUnwanted = false;
  /** Others have waited too long behind it: nothing is sent with it any more. */
  isAlone = false;
  /** It was sent before a cancel request, which may stop it in another's place. */
  mayBeHit = false;
  /** When it came to its connection, and when nothing was before it there any more, by `performance.now()`. */
  cameAtMs = 0;
  firstAtMs = 0;

  /**
   * @param isRead whether it only reads: then it is stopped when its caller leaves, and answered before it has stopped
   * @param usual learns from its run; where it is undefined or slow, nothing of others is sent behind it
   */
  constructor(
    readonly text: Text,
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

  /** Whether somebody still waits for it, in time. */
  get isWanted(): boolean {
    return !this.isSettled && !this.isUnwanted;
  }

  /** Whether the driver has given it to a socket: what it only keeps was not done. */
  get wasSent(): boolean {
    return (this.sent as { state?: unknown } | undefined)?.state != null;
  }

  sendOn(sql: Sql): Sent {
    this.sent = sql.unsafe(...this.text) as Sent;
    return this.asValues ? (this.sent.values() as unknown as Sent) : this.sent;
  }

  /** What drizzle takes from the driver. */
  asDriver(): Sent {
    const values = () => {
      this.asValues = true;
      this.sent?.values();
      return this.answer;
    };
    return Object.assign(this.answer, { values }) as unknown as Sent;
  }
}
