/** Chooses the loopback ports of members, which never change. */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";
import type { Instances } from "./instances.js";

// The ports lie below the range of outgoing connections, which could take a port while its member is down.
const FIRST = 15_432;
const COUNT = 10_000;

export type TcpPorts = ReturnType<typeof createPorts>;

/** @param folder decides where the search begins, so that several Posterns on one machine seldom try the same ports */
export function createPorts(folder: string, instances: Instances) {
  const reserved = new Set<number>();
  const offset = createHash("sha256").update(folder).digest().readUInt32BE() % COUNT;
  return {
    /** @returns a port that no member has and nobody listens on @throws Error when there is none */
    async choose(): Promise<number> {
      const known = [...(await instances.described()), ...(await instances.plans())];
      const members = known.flatMap((instance) => instance.members);
      const taken = new Set(members.map(({ port }) => port));
      for (let attempt = 0; attempt < COUNT; attempt++) {
        const port = FIRST + ((offset + attempt) % COUNT);
        if (taken.has(port) || reserved.has(port)) continue;
        reserved.add(port);
        if (await isFree(port)) return port;
      }
      throw new Error(`All ports from ${FIRST} to ${FIRST + COUNT - 1} are taken.`);
    },
  };
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, "127.0.0.1");
  try {
    await once(server, "listening");
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}
