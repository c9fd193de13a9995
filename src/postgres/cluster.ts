/** One PostgreSQL cluster in one folder: made whole or not at all, started or adopted, and stopped. */
import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, readdir, rename, rm, rmdir, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { isStandbyData, readControlFile } from "./control-file.js";
import { makePrivate } from "./folder.js";
import { type ClusterPaths, faultOf, StillStartingError } from "./last-words.js";
import { type Attempt, launch } from "./launch.js";
import { fenceOrphans } from "./orphans.js";
import { type OsUser, runAs } from "./os-user.js";
import { readStart, writeOwned } from "./owned-file.js";
import { clearStaleLock, findPostmaster, type Postmaster } from "./postmaster.js";
import { previewSetting } from "./preview.js";
import { isPostmaster, postmasterArgs } from "./processes.js";

/** PostgreSQL parameters by name, as in postgresql.conf; they override that file. */
export type Settings = Readonly<Record<string, string | number>>;

export type ClusterOptions = {
  /** Private folder of this cluster, as made by chooseFolder; holds `data/`, `run/` and `postgres.log`. */
  readonly folder: string;
  /** The folder of `initdb` and `postgres`. */
  readonly bin: string;
  readonly user: OsUser;
  /** `fsync: "off"` also skips the sync of a new cluster. */
  readonly settings?: Settings;
  /** Listen on 127.0.0.1 at this port too; by default on the Unix socket only. */
  readonly tcpPort?: number;
  /** How long a start is waited for, crash recovery included; default 60,000. */
  readonly startTimeoutMs?: number;
  /** How long a fast shutdown may take before an immediate one; default 30,000. */
  readonly stopTimeoutMs?: number;
  /** Told how many backends of a dead server a start had to kill, also where it fails then. */
  readonly onOrphans?: (killed: number) => Promise<void>;
};

export type RunningCluster = {
  readonly pid: number;
  /** The folder of the Unix socket, which clients take for the host. */
  readonly host: string;
  readonly port: number;
  /** False when it was running already and has only been adopted. */
  readonly started: boolean;
};

const DEFAULT_SETTINGS: Settings = {
  shared_buffers: "64MB",
  // Clients' mistakes would fill the disk, and their statements hold values; the clients log what concerns them.
  log_min_messages: "log",
  log_min_error_statement: "panic",
  log_checkpoints: "off",
};
const DEFAULT_PORT = 5432;
const POLL_MS = 20;
const RETRY_MS = 100;
const IMMEDIATE_STOP_TIMEOUT_MS = 10_000;
/** What a `sockaddr_un` holds on macOS, the smaller one, less the name of the socket in the folder. */
const SOCKET_DIR_MAX_BYTES = 103 - "/.s.PGSQL.65535.lock".length;
const UNFINISHED = "init-";
const PASSWORD_FILE = "superuser.password";
const MAX_SECRET_BYTES = 4_096;

/** Faults that pass: another process starts the cluster, or backends of a killed postmaster are still leaving. */
const LEFTOVERS = "pre-existing shared memory block";
const PASSING = new RegExp(`lock file "[^"]+" (already exists|is empty)|${LEFTOVERS}`);

export class Cluster {
  /** The PostgreSQL data directory. */
  readonly dataDir: string;
  /** Where it logs. */
  readonly logFile: string;
  readonly #place: ClusterPaths;

  constructor(private readonly options: ClusterOptions) {
    this.dataDir = join(options.folder, "data");
    this.logFile = join(options.folder, "postgres.log");
    this.#place = { dataDir: this.dataDir, logFile: this.logFile };
  }

  /**
   * Makes the cluster unless there is one: UTF8, locale C, scram-sha-256 for all. Safe to be killed, or to run twice.
   * Without `sync`, what it made survives a power failure only when the caller syncs it.
   */
  async init({ sync = this.options.settings?.fsync !== "off" } = {}): Promise<void> {
    const { folder, user, bin } = this.options;
    if (!(await this.#isInitialised())) {
      const temporary = await mkdtemp(join(folder, UNFINISHED));
      const passwordFile = join(temporary, PASSWORD_FILE);
      const unfinished = join(temporary, "data");
      try {
        await writeOwned(passwordFile, randomBytes(24).toString("base64url"), user);
        // The database's user gets in only now.
        await makePrivate(temporary, user);
        await runAs(user, join(bin, "initdb"), [
          `--pgdata=${unfinished}`,
          `--pwfile=${passwordFile}`,
          "--username=postgres",
          "--auth=scram-sha-256",
          "--encoding=UTF8",
          "--locale=C",
          ...(sync ? [] : ["--no-sync"]),
        ]);
        // The password belongs to this data as the role catalog does: it appears, and is copied, with it.
        await rename(passwordFile, join(unfinished, PASSWORD_FILE));
        await rename(unfinished, this.dataDir);
      } catch (error) {
        // Another process may have been quicker, and swept this attempt away.
        if (!(await this.#isInitialised())) {
          await rm(temporary, { recursive: true, force: true });
          throw error;
        }
      }
    }
    await this.#sweep();
  }

  /** The superuser's name and password. Rejects when the password file was taken away, or is not the database user's own. */
  async superuser(): Promise<{ username: string; password: string }> {
    return { username: "postgres", password: await this.readSecret(PASSWORD_FILE) };
  }

  /** A secret in the data directory, which whoever asks for it gets to see: nobody else's file is taken for it. */
  async readSecret(name: string): Promise<string> {
    return (await readStart(join(this.dataDir, name), MAX_SECRET_BYTES, this.options.user.uid)).toString();
  }

  /**
   * Resolves when the cluster accepts connections. Adopts one that runs already, waits for one that is starting,
   * recovering or stopping, and gets past whatever a killed one left behind. Rejects with an Error that ends with
   * PostgreSQL's own last words; what it started has then been stopped again. One that still starts is left to go on: its recovery would
   * begin anew each time. @throws StillStartingError
   */
  async start(signal?: AbortSignal, timeoutMs = this.options.startTimeoutMs ?? 60_000): Promise<RunningCluster> {
    const { user, settings, onOrphans } = this.options;
    const deadline = Date.now() + timeoutMs;
    let attempt: Attempt | undefined;
    try {
      for (;;) {
        const running = await findPostmaster(this.dataDir);
        if (running?.ready) {
          const { pid, port, socketDir } = running;
          return { pid, host: socketDir, port, started: pid === attempt?.pid };
        }
        if (!running && (!attempt || attempt.hasEnded())) {
          const lastWords = await attempt?.lastWords();
          if (lastWords !== undefined && !PASSING.test(lastWords))
            throw faultOf(this.#place, "cannot start", lastWords);
          // They had as long as a start takes to leave by themselves.
          if (lastWords?.includes(LEFTOVERS)) await fenceOrphans(this.dataDir, user, settings?.cluster_name, onOrphans);
          if (attempt) await delay(RETRY_MS, undefined, { signal });
          attempt = await this.#launch();
        }
        if (Date.now() > deadline) {
          const fault = faultOf(
            this.#place,
            `did not start within ${timeoutMs} ms`,
            (await attempt?.lastWords()) ?? "",
          );
          throw running ? new StillStartingError(fault.message, running.pid === attempt?.pid) : fault;
        }
        await delay(POLL_MS, undefined, { signal });
      }
    } catch (error) {
      if (attempt && !attempt.hasEnded() && !(error instanceof StillStartingError)) await this.#end(attempt.pid);
      throw error;
    }
  }

  /**
   * The value that a parameter would have after the next start, whatever runs now.
   * @throws BrokenSettingsError where the files of settings would keep PostgreSQL from starting
   */
  preview(name: string): Promise<string> {
    return previewSetting(this.options, this.#args(), name);
  }

  /** Fast shutdown, immediate after a while; resolves when the postmaster is gone, at once when none runs. */
  async stop(): Promise<void> {
    const running = await findPostmaster(this.dataDir);
    if (running) await this.#end(running.pid, running);
  }

  async #launch(): Promise<Attempt> {
    const { bin, folder, user, tcpPort = DEFAULT_PORT } = this.options;
    const socketDir = this.#socketDir();
    await makePrivate(socketDir, user);
    await clearStaleLock(join(this.dataDir, "postmaster.pid"), this.dataDir);
    await clearStaleLock(join(socketDir, `.s.PGSQL.${tcpPort}.lock`), this.dataDir);
    return launch({ bin, folder, user, logFile: this.logFile, args: this.#args(await this.#needed()) });
  }

  /** What a standby needs more of than the command line gives it, because somebody gave it to its primary by hand. */
  async #needed(): Promise<Settings> {
    const control = (await isStandbyData(this)) && (await readControlFile(this.dataDir).catch(() => null));
    const lacks = ([name, value]: [string, number]) => Number(this.options.settings?.[name]) < value;
    return control ? Object.fromEntries(Object.entries(control.needed).filter(lacks)) : {};
  }

  /** What this cluster's server is started with. */
  #args(needed: Settings = {}): string[] {
    const { settings, tcpPort } = this.options;
    const args = [...postmasterArgs(this.dataDir), "-k", this.#socketDir(), "-p", String(tcpPort ?? DEFAULT_PORT)];
    const all = { listen_addresses: tcpPort ? "127.0.0.1" : "", ...DEFAULT_SETTINGS, ...settings, ...needed };
    return [...args, ...Object.entries(all).flatMap(([name, value]) => ["-c", `${name}=${value}`])];
  }

  async #end(pid: number, running?: Postmaster): Promise<void> {
    const { stopTimeoutMs = 30_000 } = this.options;
    for (const [signal, timeoutMs] of [
      ["SIGINT", stopTimeoutMs],
      ["SIGQUIT", IMMEDIATE_STOP_TIMEOUT_MS],
    ] as const) {
      const deadline = Date.now() + timeoutMs;
      if (await isPostmaster(pid, this.dataDir)) process.kill(pid, signal);
      while (await isPostmaster(pid, this.dataDir)) {
        if (Date.now() > deadline) break;
        await delay(POLL_MS);
      }
    }
    if (await isPostmaster(pid, this.dataDir))
      throw new Error(`PostgreSQL in ${this.dataDir}, process ${pid}, does not stop.`);
    // A socket folder elsewhere is litter now. It is not empty if another process has started the cluster again.
    if (running && !running.socketDir.startsWith(this.options.folder)) await rmdir(running.socketDir).catch(() => {});
  }

  /** `run` in the cluster's folder or, where that path is too long or too odd for a socket, one in the temporary folder. */
  #socketDir(): string {
    const near = join(this.options.folder, "run");
    if (Buffer.byteLength(near) <= SOCKET_DIR_MAX_BYTES && /^[\w/.+@-]+$/.test(near)) return near;
    return join(tmpdir(), `postern-${createHash("sha256").update(near).digest("hex").slice(0, 16)}`);
  }

  async #isInitialised(): Promise<boolean> {
    return stat(join(this.dataDir, "PG_VERSION")).then(
      () => true,
      () => false,
    );
  }

  /** Removes what a killed init left. One that is still at work notices that the cluster exists now. */
  async #sweep(): Promise<void> {
    const { folder } = this.options;
    for (const name of await readdir(folder)) {
      if (name.startsWith(UNFINISHED)) await rm(join(folder, name), { recursive: true, force: true }).catch(() => {});
    }
  }
}
