/** The ports: what Postern gets from outside, so that tests can give their own. */
import type { ClientOptions } from "./db/client.js";
import type { Log } from "./log.js";
import type { Provider } from "./providers/provider.js";
import type { Timings } from "./timings.js";
import type { Version } from "./version.js";

export interface Ports extends Pick<ClientOptions, "onStatement"> {
  readonly version: Version;
  readonly log: Log;
  readonly clock: { now(): Date };
  readonly providers: readonly Provider[];
  /** The connection to Postern's database, which must be migrated. */
  readonly connection: ClientOptions["connection"];
  readonly timings?: Timings;
}
