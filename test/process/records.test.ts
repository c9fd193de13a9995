/** Records of refusals when PostgreSQL is stopped and when Postern is killed: what was answered is on record, once. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, test, vi } from "vitest";
import { cases } from "../support/deep.js";
import { type OwnCluster, PASSWORD, withOwnCluster } from "../support/own-cluster.js";
import { ensureBuilt, PATIENCE_MS, type Running, signIn } from "../support/postern.js";
import { both, recorded, stateOf } from "../support/refusals.js";
import { eventually, useSandbox } from "../support/sandbox.js";

const sandbox = useSandbox();
vi.setConfig({ testTimeout: PATIENCE_MS * (2 + 2 * cases(2, 100)), hookTimeout: 60_000 });
beforeAll(ensureBuilt);

const CREATE = `mutation { createScan(input: { organizationId: "1", targetUrl: "https://refused.example/", scanType: "T" }) { scan { id } } }`;

/** A Postern, and a viewer who is signed in to it. */
async function startSignedIn({ start }: OwnCluster): Promise<Running & { url: string; token: string }> {
  const postern = start();
  const { url } = await postern.ready();
  return { ...postern, url, token: await signIn(url, "viewer@demo.example", PASSWORD) };
}

/** @returns the code of the answer; undefined where none came */
async function refused({ url, token }: { url: string; token: string }, requestId: string): Promise<string | undefined> {
  try {
    const headers = { "content-type": "application/json", authorization: `Bearer ${token}`, "x-request-id": requestId };
    const response = await fetch(`${url}/graphql`, {
      method: "POST",
      headers,
      body: JSON.stringify({ query: CREATE }),
    });
    return ((await response.json()) as { errors: { extensions: { code: string } }[] }).errors[0]?.extensions.code;
  } catch {
    return undefined;
  }
}

test("PostgreSQL is stopped and started: what is refused meanwhile waits in the folder, and keeps its time", () =>
  withOwnCluster(sandbox, "stopped", async (own) => {
    const { cluster, sql, folder } = own;
    const postern = await startSignedIn(own);
    await cluster.stop();
    const since = Date.now();
    const codes = await Promise.all(Array.from({ length: 40 }, (_, n) => refused(postern, `away-${n}`)));
    const until = Date.now();
    expect(codes).toEqual(Array(40).fill("FORBIDDEN"));
    expect(await stateOf(postern.url)).toEqual({ waiting: 80, lost: 0 });
    const texts = await Promise.all((await readdir(folder)).map((name) => readFile(join(folder, name), "utf8")));
    expect(texts.join("").match(/\n/g)).toHaveLength(80);
    await cluster.start();
    await eventually(async () => (await stateOf(postern.url)).waiting === 0, PATIENCE_MS);
    expect(await recorded({ sql }, "away")).toEqual(both("away", 40));
    expect(await readdir(folder)).toEqual([]);
    const [times] = await sql`
    select extract(epoch from min(timestamp)) * 1000 as first, extract(epoch from max(timestamp)) * 1000 as last
    from audit_logs where request_id like 'away-%'`;
    expect(Number(times?.first)).toBeGreaterThanOrEqual(since);
    expect(Number(times?.last)).toBeLessThanOrEqual(until);
    postern.kill("SIGTERM");
    expect(await postern.ended()).toBe(0);
  }));

test("kill -9 at any moment loses no record that was answered for, and doubles none", () =>
  withOwnCluster(sandbox, "killed", async (own) => {
    const { cluster, sql, folder } = own;
    const rounds = cases(2, 100);
    const answered: string[] = [];
    let sent = 0;
    for (let round = 0; round < rounds; round++) {
      const postern = await startSignedIn(own);
      const ending = postern.ended();
      const callers = Array.from({ length: 8 }, async () => {
        while (!postern.hasEnded()) {
          const id = `kill-${sent++}`;
          if ((await refused(postern, id)) === "FORBIDDEN") answered.push(id);
        }
      });
      const more = (count: number, before = answered.length) =>
        eventually(() => answered.length >= before + count, PATIENCE_MS);
      await more(1 + Math.floor(Math.random() * 40));
      // Killed while it writes to the database, while it writes to the folder, and while it takes up what waits there.
      if (round % 3 > 0) {
        await cluster.stop();
        await more(1 + Math.floor(Math.random() * 40));
      }
      if (round % 3 === 2) {
        await cluster.start();
        await more(Math.floor(Math.random() * 80));
      }
      postern.kill("SIGKILL");
      expect(await ending).toBe("SIGKILL");
      await Promise.all(callers);
      await cluster.start();
    }
    expect(answered.length).toBeGreaterThan(rounds);
    const last = await startSignedIn(own);
    await eventually(async () => (await readdir(folder)).length === 0, PATIENCE_MS);
    const { audit, events } = await recorded({ sql }, "kill");
    for (const ids of [audit, events]) {
      expect(new Set(ids).size, "doubled").toBe(ids.length);
      expect(
        answered.filter((id) => !ids.includes(id)),
        "lost",
      ).toEqual([]);
    }
    last.kill("SIGTERM");
    expect(await last.ended()).toBe(0);
  }));
