/** The opening of a connection, bounded: the driver alone would try for ever where something accepts connections and closes them, and wait for ever where it is silent. */
import { connect, type Socket } from "node:net";
import { closed, connectTimeout } from "./turn.js";

/** A database that has not taken a connection by then is taken for away. */
const OPEN_MS = 5000;

/** Of the driver's options, as it has parsed them. */
interface Hosts {
  readonly host: readonly string[];
  readonly port: readonly (number | string)[];
  readonly path?: string | false;
}

export class Opening {
  private readonly failing = new AbortController();
  private sockets = 0;

  /** For the driver: one for each host, and none once a connection has closed, because the pool opens its own. */
  readonly socket = ({ host: hosts, port: ports, path }: Hosts): Socket => {
    const index = this.sockets++;
    if (index >= hosts.length) {
      const error = closed();
      this.failing.abort(error);
      throw error;
    }
    const [host, port] = [hosts[index] as string, Number(ports[index])];
    const { signal } = this.failing;
    // A fault may come before the driver listens. For all hosts but the last it goes on to the next one.
    const socket = connect(path ? { path, signal } : { host, port, signal }).on("error", (error) => {
      if (index === hosts.length - 1) this.failing.abort(error);
    });
    // What the driver checks a certificate against, and names in its faults.
    return Object.assign(socket, { host, port });
  };

  /** @throws what the work throws, and when no socket can be had or it takes too long: then nothing of it stays open */
  async inTime<T>(work: Promise<T>): Promise<T> {
    const { signal } = this.failing;
    const failed = new Promise<never>((_, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason));
    });
    // After a busy moment of this process, what has come is looked at first.
    let isOver = false;
    const giveUp = () => isOver || this.failing.abort(connectTimeout());
    const late = setTimeout(() => setImmediate(giveUp), OPEN_MS);
    try {
      return await Promise.race([work, failed]);
    } finally {
      isOver = true;
      clearTimeout(late);
    }
  }
}
