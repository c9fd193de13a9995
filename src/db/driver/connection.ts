/** One connection of the pool: it opens when it is first needed, sends statements in order, and stops one without harm to the others. */
import { setTimeout as delay } from "node:timers/promises";
import type { Sql } from "postgres";
import { timeout } from "../../errors.js";
import { type BackendToCancel, requestCancel, type ServerToCancelOn } from "./cancel-request.js";
import { closedFault, givenUpFault, unopenedFault } from "./faults.js";
import { isHoldingUpPipelined, PIPELINED_SLOW_MS } from "./pipelined.js";
import { needsRetry } from "./retries.js";
import { withoutHoles } from "./rows.js";
import { ignoreTurn, type StatementTurn, type WatchTurn } from "./turn.js";

/** A client of the driver with one open connection. */
interface Opened {
  readonly sql: Sql;
  readonly backend: BackendToCancel;
  /** Whether a pooler stands between. It gives its server connection to another client after each statement. */
  readonly isPooled: boolean;
}

/** @param onclose is called when an opened connection has closed, and not when opening fails */
export type ConnectionOpener = (onclose: () => void) => Promise<Opened>;

interface ConnectionEvents {
  /** The connection has nothing more to do. */
  idle(connection: Connection): void;
  /** The connection takes nothing more. The pool sends the unsent statements on another one. */
  closed(connection: Connection, unsent: readonly StatementTurn[]): void;
  /** Whether any connection of the pool is open. Then unsent statements can wait for it. */
  hasOpen(): boolean;
  /** PostgreSQL said that the statement was not done. The pool sends it again. */
  resend(turn: StatementTurn): void;
  ended: WatchTurn;
}

/** Closing a connection is the only way to free its prepared statements. */
const LIFETIME_MS = 1_800_000;
/** A cancel request may arrive before its statement runs, so it is repeated at this interval. */
const CANCEL_AGAIN_MS = 150;
/** If an unwanted statement still runs then, its connection is closed. The call's audit record needs the rest of the second. */
const GIVE_UP_MS = 500;

export class Connection {
  private readonly endsAtMs = Date.now() + LIFETIME_MS;
  /** Whether PostgreSQL no longer runs its prepared statements (see retries.ts). */
  private isOutdated = false;
  /** Whether a transaction has it for itself. */
  isHeld = false;
  hasClosed = false;
  /** Is called when it closes under a transaction. */
  onLost: ((fault: unknown) => void) | undefined;
  /** Set until the server has handled a cancel request. The request may stop what was sent before, and nothing that is sent later. */
  stopping: Promise<void> | undefined;
  /** Its statements, in the order in which they are sent. */
  readonly turns: StatementTurn[] = [];
  private watch: NodeJS.Timeout | undefined;
  private opened: Opened | undefined;
  private opening: Promise<void> | undefined;

  constructor(
    private readonly open: ConnectionOpener,
    private readonly events: ConnectionEvents,
  ) {}

  get isOpen(): boolean {
    return this.opened !== undefined && !this.hasClosed;
  }

  get isIdle(): boolean {
    return this.turns.length === 0 && !this.isHeld && !this.stopping && !this.opening;
  }

  /** Whether another statement may be sent behind those that it has. */
  get takesMore(): boolean {
    return !this.isHeld && !this.stopping && !this.hasClosed && !this.isOutdated;
  }

  /** Whether the pool must replace it as soon as it is idle. */
  get hasExpired(): boolean {
    return this.isOutdated || Date.now() > this.endsAtMs;
  }

  send(turn: StatementTurn): void {
    turn.cameAtMs = performance.now();
    this.turns.push(turn);
    if (this.turns.length > 1) this.watchFirst();
    if (this.opened) this.transmitDue(this.opened);
    else this.opening ??= this.openNow();
  }

  private async openNow(): Promise<void> {
    let opened: Opened;
    try {
      opened = await this.open(() => this.close());
    } catch (error) {
      // This fault tells the caller that nothing was sent, which the driver's own does not.
      this.close(unopenedFault(error));
      return;
    }
    if (this.hasClosed) {
      opened.sql.end({ timeout: 0 }).catch(ignoreTurn);
      return;
    }
    this.opened = opened;
    this.opening = undefined;
    this.transmitDue(this.opened);
    this.tellIdle();
  }

  /** Sends one at a time through a pooler: a second would reach another server connection, or read another client's answers. */
  private transmitDue({ sql, isPooled }: Opened): void {
    for (const turn of isPooled ? this.turns.slice(0, 1) : this.turns) if (!turn.sent) this.transmit(turn, sql);
  }

  private transmit(turn: StatementTurn, sql: Sql): void {
    turn.mayBeHit = false;
    const sent = turn.sendOn(sql);
    sent.then(
      (answer) => {
        // This connection has closed, and the turn may run on another one.
        if (turn.sent !== sent) return;
        turn.usual?.recordRun(turn.ranMs);
        this.events.ended(turn, withoutHoles(answer as unknown[]).length);
        this.remove(turn);
        turn.resolve(answer);
        this.next();
      },
      (error) => {
        if (turn.sent !== sent) return;
        turn.usual?.recordFailure(turn.ranMs);
        this.events.ended(turn, undefined, error?.code);
        this.remove(turn);
        // 57014 may arrive when the cancel request has long been handled, so the turn remembers it.
        const wasHit = turn.mayBeHit && error?.code === "57014";
        const isForgotten = needsRetry(sent, error);
        if (isForgotten) this.isOutdated = true;
        if ((wasHit || isForgotten) && !this.isHeld && turn.isWanted) this.events.resend(turn);
        else turn.reject(error);
        this.next();
      },
    );
  }

  private remove(turn: StatementTurn): void {
    const index = this.turns.indexOf(turn);
    if (index >= 0) this.turns.splice(index, 1);
    if (index === 0 && this.turns[0]) this.turns[0].firstAtMs = performance.now();
    turn.sent = undefined;
  }

  private next(): void {
    // It was given up while it waited behind another, and runs only now.
    if (!this.stopping && this.turns[0]?.isUnwanted) this.stopUnwanted(this.turns[0]);
    if (!this.stopping && this.opened?.isPooled) this.transmitDue(this.opened);
    this.tellIdle();
  }

  /** Must come last in a method, because the pool sends the next statement at once. */
  private tellIdle(): void {
    if (this.isIdle && !this.hasClosed) this.events.idle(this);
  }

  /** Stops a statement that nobody wants. A change is answered only once its outcome is known. */
  stop(turn: StatementTurn): void {
    if (!turn.sent) {
      this.remove(turn);
      turn.reject(timeout());
      this.tellIdle();
      return;
    }
    turn.isUnwanted = true;
    if (turn.isRead) turn.reject(timeout());
    if (this.turns[0] === turn) this.stopUnwanted(turn);
  }

  /** Sees to it that nobody waits long behind another caller's slow read. */
  private watchFirst(): void {
    // setImmediate lets answers come first that arrived while this process was busy.
    this.watch ??= setTimeout(() => setImmediate(() => this.checkFirst()), PIPELINED_SLOW_MS);
  }

  private checkFirst(): void {
    this.watch = undefined;
    const [first] = this.turns;
    if (!this.stopping && first && isHoldingUpPipelined(this.turns)) {
      first.usual?.markSlow();
      first.isAlone = true;
      this.stopping = this.stopFirst();
    }
    if (this.turns.length > 1) this.watchFirst();
  }

  /** The driver's own cancel mixes up the answers of statements that wait behind another, and never ends over TLS. */
  private async stopFirst(): Promise<void> {
    const { sql, backend } = this.opened as Opened;
    const turn = this.turns[0] as StatementTurn;
    const ended = (turn.sent as PromiseLike<unknown>).then(ignoreTurn, ignoreTurn);
    try {
      do {
        for (const other of this.turns) if (other.sent) other.mayBeHit = true;
        await requestCancel(sql.options as unknown as ServerToCancelOn, backend);
        await Promise.race([ended, delay(CANCEL_AGAIN_MS)]);
      } while (this.turns.includes(turn));
    } catch {
      // The request may still reach the server and stop a later statement, so the connection takes none.
      if (turn.isWanted) this.isOutdated = true;
      else if (this.turns.includes(turn)) this.giveUp(turn);
    }
    this.stopping = undefined;
    this.next();
  }

  private stopUnwanted(turn: StatementTurn): void {
    this.stopping ??= this.stopFirst();
    setTimeout(() => setImmediate(() => this.turns.includes(turn) && this.giveUp(turn)), GIVE_UP_MS).unref();
  }

  private giveUp(turn: StatementTurn): void {
    turn.reject(givenUpFault());
    this.onLost?.(givenUpFault());
    this.close();
  }

  /**
   * Answers all its statements. Left to the driver, later ones would get this fault too, or run unnoticed on its next connection.
   * @param fault says why it could not be opened
   */
  close(fault?: unknown): void {
    if (this.hasClosed) return;
    this.hasClosed = true;
    this.opening = undefined;
    this.end(0);
    const mayWait = !fault || this.events.hasOpen();
    if (this.turns[0]?.sent) this.events.ended(this.turns[0], undefined, "CONNECTION_CLOSED");
    const unsent: StatementTurn[] = [];
    for (const turn of this.turns.splice(0)) {
      const isUnsent = mayWait && !this.isHeld && turn.isWanted && !turn.wasSent;
      turn.sent = undefined;
      if (isUnsent) unsent.push(turn);
      else turn.reject(fault ?? closedFault());
    }
    this.onLost?.(fault ?? closedFault());
    this.events.closed(this, unsent);
  }

  /** @param seconds the time that running statements get */
  async end(seconds: number): Promise<void> {
    await this.opening;
    await this.opened?.sql.end({ timeout: seconds }).catch(ignoreTurn);
  }
}
