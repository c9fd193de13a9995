/** An instance with a standby whose primary fails, for the tests of what is made of that. */
import type { Sql } from "postgres";
import { expect } from "vitest";
import { operate, query, rebootOf } from "../support/ground.js";
import { usePair } from "./pair.js";

/** Makes the instance for the calling file. */
export function useFailedPair() {
  const pair = usePair();
  const { postmasterOf, roles, status } = pair;
  const reboot = (forceFailover = false) => operate(pair.provider, rebootOf(pair.id, forceFailover));
  const run = <T>(work: (sql: Sql) => Promise<T>) => query(pair.provider, "pair", work);
  const findings = async () => (await pair.describe()).findings.map(({ kind, severity }) => [kind, severity]);
  async function promoteByHand(standby: string): Promise<void> {
    const { port } = await postmasterOf(standby);
    await query(pair.provider, "pair", (sql) => sql`select pg_promote()`, { port });
    await query(pair.provider, "pair", (sql) => sql`insert into notes values (0)`, { port });
    pair.rows += 1;
  }
  /** Whatever looks at the pair leaves the member alone that was promoted by hand, and starts nothing beside it. */
  async function expectLeft(primary: string, promoted: string): Promise<void> {
    const { pid } = await postmasterOf(promoted);
    expect(await pair.provider.watch()).toEqual([]);
    await pair.provider.repair();
    pair.provider = await pair.open();
    await pair.provider.startAll();
    expect(await pair.provider.watch()).toEqual([]);
    expect((await postmasterOf(promoted)).pid).toBe(pid);
    expect(await postmasterOf(primary)).toBeUndefined();
    expect(await roles()).toEqual([primary, promoted]);
    expect(await status()).toBe("failed");
    expect(await findings()).toContainEqual(["standby_promoted", "CRITICAL"]);
  }

  return { pair, reboot, run, findings, promoteByHand, expectLeft };
}
