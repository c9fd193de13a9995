/** A limit of the rate, and how far it is used up. */

/** How many points there are in a window, which begins with the first one that is taken. */
export interface RateLimit {
  readonly points: number;
  readonly seconds: number;
}

/** The tiers whose mutations are counted one by one, however many a request holds. */
export type MutationTier = "bulk" | "registration";

/** What a limit says to one caller. It is the cause of a refusal, from which the headers of the answer come. */
export class RateState {
  /** @param name the limit as clients read it, such as `bulk` @param left the points that are left @param resetSeconds until the window ends */
  constructor(
    readonly name: string,
    readonly limit: RateLimit,
    readonly left: number,
    readonly resetSeconds: number,
  ) {}
}
