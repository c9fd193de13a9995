/** One connection of the pool: opened when it is first needed, statements in their order, and how one of them is stopped without harm to the others. */
import { setTimeout as delay } from "node:timers/promises";
import type { Sql } from "postgres";
import { timeout } from "../../errors.js";
import { type Backend, requestCancel, type Server } from "./cancel-request.js";
import { keepsOthers, SLOW_MS } from "./pipelined.js";
import { isOutdated } from "./retries.js";
import { closed, givenUp, noop, type StatementTurn, unopened } from "./turn.js";

/** A client of the driver with one connection, which is open. */
export interface Opened {
  readonly sql: Sql;
  readonly backend: Backend;
  /** A pooler gives its connection to the server to somebody else as soon as that is ready, whatever comes behind. */
  readonly isPooled: boolean;
}

/** @param onclose told when it has closed, but not where opening fails */
export type Open = (onclose: () => void) => Promise<Opened>;

export interface ConnectionEvents {
  /** It has nothing to do any more. */
  idle(connection: Connection): void;
  /** It takes nothing any more. Statements that were never sent are to be sent elsewhere. */
  closed(connection: Connection, unsent: readonly StatementTurn[]): void;
  /** Whether another connection is open, on which statements may wait. */
  isServed(): boolean;
  /** It was not done: stopped in another's place, or outdated. It is to be sent again. */
  again(turn: StatementTurn): void;
}

/** Prepared statements go with their connection (see the planner, which bounds them by time). */
const LIFETIME_MS = 1_800_000;
/** A cancel request that met no statement is sent again. */
const CANCEL_AGAIN_MS = 150;
/** A statement that nobody wants and that has not stopped by then has lost its connection; what is left of the second goes to its record. */
const GIVE_UP_MS = 500;

export class Connection {
  private readonly endsAtMs = Date.now() + LIFETIME_MS;
  /** PostgreSQL has forgotten its prepared statements, or plans them in another way now. */
  private isOutdated = false;
  /** A transaction has it for itself. */
  isHeld = false;
  hasClosed = false;
  /** Told when it closes under a transaction. */
  onLost: ((fault: unknown) => void) | undefined;
  /** Settles when the server has dealt with a cancel request; what was sent before may be stopped by it, what is sent then is not. */
  stopping: Promise<void> | undefined;
  /** In the order in which they are sent. */
  readonly turns: StatementTurn[] = [];
  private watch: NodeJS.Timeout | undefined;
  private opened: Opened | undefined;
  private opening: Promise<void> | undefined;

  constructor(
    private readonly open: Open,
    private readonly events: ConnectionEvents,
  ) {}

  get isOpen(): boolean {
    return this.opened !== undefined && !this.hasClosed;
  }

  get isIdle(): boolean {
    return this.turns.length === 0 && !this.isHeld && !this.stopping && !this.opening;
  }

  /** Whether what is sent now waits for nothing but what has been sent. */
  get takesMore(): boolean {
    return !this.isHeld && !this.stopping && !this.hasClosed && !this.isOutdated;
  }

  /** Another is to be opened in its place as soon as it has nothing to do. */
  get isOver(): boolean {
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
      // Nothing was sent, whatever the fault says.
      this.close(unopened(error));
      return;
    }
    if (this.hasClosed) {
      opened.sql.end({ timeout: 0 }).catch(noop);
      return;
    }
    this.opened = opened;
    this.opening = undefined;
    this.transmitDue(this.opened);
    this.tellIdle();
  }

  /** One at a time through a pooler: what comes behind another would meet another server connection, or another's answers. */
  private transmitDue({ sql, isPooled }: Opened): void {
    for (const turn of isPooled ? this.turns.slice(0, 1) : this.turns) if (!turn.sent) this.transmit(turn, sql);
  }

  private transmit(turn: StatementTurn, sql: Sql): void {
    turn.mayBeHit = false;
    const sent = turn.sendOn(sql);
    turn.firstAtMs = performance.now();
    sent.then(
      (answer) => {
        // It went with its connection, and may be on another one.
        if (turn.sent !== sent) return;
        turn.usual?.ran(performance.now() - turn.firstAtMs);
        this.remove(turn);
        turn.resolve(answer);
        this.next();
      },
      (error) => {
        if (turn.sent !== sent) return;
        turn.usual?.failed(performance.now() - turn.firstAtMs);
        this.remove(turn);
        // The server's word may come after its word that it has dealt with the request.
        const isOthers = turn.mayBeHit && error?.code === "57014";
        const isForgotten = isOutdated(sent, error);
        if (isForgotten) this.isOutdated = true;
        if ((isOthers || isForgotten) && !this.isHeld && turn.isWanted) this.events.again(turn);
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
    // What nobody wants any more since it waited behind another.
    if (!this.stopping && this.turns[0]?.isUnwanted) this.stopUnwanted(this.turns[0]);
    if (!this.stopping && this.opened?.isPooled) this.transmitDue(this.opened);
    this.tellIdle();
  }

  /** Last in everything: the next statement comes at once. */
  private tellIdle(): void {
    if (this.isIdle && !this.hasClosed) this.events.idle(this);
  }

  /** Nobody wants the statement any more. A change is answered once it is known what has become of it. */
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

  /** Sees that nobody waits long behind another's slow read. */
  private watchFirst(): void {
    // After a busy moment of this process, what has come is looked at first.
    this.watch ??= setTimeout(() => setImmediate(() => this.lookAtFirst()), SLOW_MS);
  }

  private lookAtFirst(): void {
    this.watch = undefined;
    const [first] = this.turns;
    if (!this.stopping && first && keepsOthers(this.turns)) {
      first.usual?.broke();
      first.isAlone = true;
      this.stopping = this.stopFirst();
    }
    if (this.turns.length > 1) this.watchFirst();
  }

  /** The driver's own way gives the answer of what waits behind another to the next one, and never ends over TLS. */
  private async stopFirst(): Promise<void> {
    const { sql, backend } = this.opened as Opened;
    const turn = this.turns[0] as StatementTurn;
    const ended = (turn.sent as PromiseLike<unknown>).then(noop, noop);
    try {
      do {
        for (const each of this.turns) if (each.sent) each.mayBeHit = true;
        await requestCancel(sql.options as unknown as Server, backend);
        await Promise.race([ended, delay(CANCEL_AGAIN_MS)]);
      } while (this.turns.includes(turn));
    } catch {
      // Nobody knows what the server will do: it gets nothing more to do.
      if (turn.isWanted) this.isOutdated = true;
      else if (this.turns.includes(turn)) this.giveUp(turn);
    }
    this.stopping = undefined;
    this.next();
  }

  private stopUnwanted(turn: StatementTurn): void {
    this.stopping ??= this.stopFirst();
    const look = () => setImmediate(() => this.turns.includes(turn) && this.giveUp(turn));
    setTimeout(look, GIVE_UP_MS).unref();
  }

  private giveUp(turn: StatementTurn): void {
    turn.reject(givenUp());
    this.onLost?.(givenUp());
    this.close();
  }

  /**
   * Takes its statements with it: the driver would give the fault to later ones too, and send what it has kept on its next connection.
   * @param fault why it could not be opened
   */
  close(fault?: unknown): void {
    if (this.hasClosed) return;
    this.hasClosed = true;
    this.opening = undefined;
    this.end(0);
    const mayWait = !fault || this.events.isServed();
    const unsent: StatementTurn[] = [];
    for (const turn of this.turns.splice(0)) {
      const isUnsent = mayWait && !this.isHeld && turn.isWanted && !turn.wasSent;
      turn.sent = undefined;
      if (isUnsent) unsent.push(turn);
      else turn.reject(fault ?? closed());
    }
    this.onLost?.(fault ?? closed());
    this.events.closed(this, unsent);
  }

  /** @param seconds what is under way may take */
  async end(seconds: number): Promise<void> {
    await this.opening;
    await this.opened?.sql.end({ timeout: seconds }).catch(noop);
  }
}
