/** Opens a connection within a time limit. The driver alone would retry for ever against a server that closes or says nothing. */
import { connect, type Socket } from "node:net";
import { closedFault, connectTimeoutFault } from "./faults.js";

/** A database that has not taken a connection by then counts as unreachable. */
const OPEN_MS = 5000;

/** The hosts among the driver's options, as it has parsed them. */
interface Hosts {
  readonly host: readonly string[];
  readonly port: readonly (number | string)[];
  readonly path?: string | false;
}

export class Opening {
  private readonly failing = new AbortController();
  private sockets = 0;

  /** Gives the driver one socket for each host. It gets no more, because the pool replaces closed connections. */
  readonly socket = ({ host: hosts, port: ports, path }: Hosts): Socket => {
    const index = this.sockets++;
    if (index >= hosts.length) {
      const error = closedFault();
      this.failing.abort(error);
      throw error;
    }
    const [host, port] = [hosts[index] as string, Number(ports[index])];
    const { signal } = this.failing;
    // A fault may come before the driver listens. Only the last host's counts, as the driver tries the next one after the others.
    const socket = connect(path ? { path, signal } : { host, port, signal }).on("error", (error) => {
      if (index === hosts.length - 1) this.failing.abort(error);
    });
    // The driver checks a certificate against the host, and names it in its faults.
    return Object.assign(socket, { host, port });
  };

  /** @throws what the work throws, and where no host can be reached or it takes too long; then no socket stays open */
  async withTimeLimit<T>(work: Promise<T>): Promise<T> {
    const { signal } = this.failing;
    const failed = new Promise<never>((_, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason));
    });
    // setImmediate lets an answer come first that arrived while this process was busy.
    let isOver = false;
    const giveUp = () => isOver || this.failing.abort(connectTimeoutFault());
    const late = setTimeout(() => setImmediate(giveUp), OPEN_MS);
    try {
      return await Promise.race([work, failed]);
    } finally {
      isOver = true;
      clearTimeout(late);
    }
  }
}
