/** Limits how long somebody waits for work. */

/**
 * Waits for the work, at most `timeoutMs`. The work itself goes on; a later failure of it is ignored.
 * @param timeoutError makes the error that is thrown when the time is over
 */
export async function withTimeout<T>(work: Promise<T>, timeoutMs: number, timeoutError: () => Error): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(timeoutError()), timeoutMs);
  });
  try {
    return await Promise.race([work, expired]);
  } finally {
    clearTimeout(timer);
    work.catch(() => undefined);
  }
}
