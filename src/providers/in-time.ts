/** A limit to how long Postern waits for a provider's answer. */
import { unavailable } from "../errors.js";

/** A provider that answers later than this does not answer. */
const ANSWER_TIMEOUT_MS = 10_000;

/** @throws UNAVAILABLE where a provider's answer takes too long; it may come later, and does no harm then */
export async function inTime<T>(answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(unavailable("The provider")), ANSWER_TIMEOUT_MS);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
    answer.catch(() => undefined);
  }
}
