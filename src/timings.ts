/** How often Postern looks at what changes without it, and how long it waits for others; tests take shorter times. */
export const PACE = {
  /** Between two looks for jobs, scheduled ones too. */
  jobsSeconds: 2,
  /** How long a stop lets jobs end. */
  jobsStopMs: 5000,
  /** A worker that died is noticed within its lease and so many milliseconds. */
  sweepMs: 5000,
  /** How often providers look at what cannot wait. */
  watchMs: 5000,
  /** How often a waiting request looks for an operation that another replica runs. */
  waitingMs: 1000,
  /** A provider that answers later than this does not answer. */
  answerTimeoutMs: 10_000,
  /** How long the database may take to keep records before their connection is given up; they wait elsewhere long before. */
  recordsTimeoutMs: 1000,
  /** How soon a database that takes no records is asked again. */
  recordsRetryMs: 1000,
};

export type Pace = Readonly<typeof PACE>;
