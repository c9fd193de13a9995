/** The intervals and time limits that tests shorten. */
export const TIMINGS = {
  /** The interval at which jobs and scheduled tasks are polled. */
  jobsSeconds: 2,
  /** How long a stop waits for running jobs. */
  jobsStopMs: 5000,
  /** The interval at which operations of dead workers are searched for. */
  sweepMs: 5000,
  /** The delay between two polls for sessions that other replicas have ended. */
  revocationsMs: 1000,
  /** The delay between two polls for the changes of rows that somebody subscribes to, and between two looks at who is still signed in. */
  liveMs: 1000,
  /** How long a WebSocket may take until it says who connects. */
  liveInitMs: 10_000,
  /** The interval at which a WebSocket is asked whether its client still lives. One that has not answered by the next time is cut off. */
  livePingMs: 15_000,
  /** How long a client may leave what was sent to it unread while more waits. */
  liveSlowMs: 10_000,
  /** The interval at which providers are asked for due failovers. */
  watchMs: 5000,
  /** The interval at which a waiting request polls an operation of another replica. */
  waitingMs: 1000,
  /** How long a refusal of `api` waits that is not the first of its window. */
  refusalPauseMs: 1000,
  /** A provider that has not answered by then counts as unavailable. */
  answerTimeoutMs: 10_000,
  /** The statement limit on the connection of records. */
  recordsTimeoutMs: 1000,
  /** The delay before a database that takes no records is tried again. */
  recordsRetryMs: 1000,
};

export type Timings = Readonly<typeof TIMINGS>;
