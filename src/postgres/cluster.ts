/** Makes one PostgreSQL cluster in one folder, whole or not at all, starts or adopts it, and stops it. */
import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { isStandbyData, readControlFile } from "./control-file.js";
import { makePrivateFolder } from "./folder.js";
import { faultOfLastWords, type LastWordsPaths, StillStartingError } from "./last-words.js";
import { type LaunchAttempt, launch } from "./launch.js";
import { fenceOrphans } from "./orphans.js";
import { type OsUser, runAsOsUser } from "./os-user.js";
import { readOwnedFileStart, writeOwned } from "./owned-file.js";
import { clearStalePostmaster, findPostmaster } from "./postmaster.js";
import { previewSetting } from "./preview.js";
import { postgresProcessArgs, signalProcess } from "./processes.js";
import { type FileSettings, settingsFileArgs, settingsFileArgsIfPresent, writeSettingsFile } from "./settings-file.js";
import { shutDownServer } from "./shut-down.js";
import { socketFolderOf } from "./socket-folder.js";

/** PostgreSQL parameters by name, as in postgresql.conf; they override that file. */
export type ClusterSettings = Readonly<Record<string, string | number>>;

export type ClusterOptions = {
  /** The private folder of this cluster, as chooseFolder makes it; it holds `data/`, `run/` and `postgres.log`. */
  readonly folder: string;
  /** The folder of `initdb` and `postgres`. */
  readonly bin: string;
  readonly user: OsUser;
  /** `fsync: "off"` also skips the sync of a new cluster. */
  readonly settings?: ClusterSettings;
  /** What a file beside the data holds, which every start writes anew; without it there is none. */
  readonly fileSettings?: FileSettings;
  /** The port on 127.0.0.1; without one the server listens on its Unix socket only. */
  readonly tcpPort?: number;
  /** How long a start may take, crash recovery included; the default is 60,000. */
  readonly startTimeoutMs?: number;
  /** How long a fast shutdown may take before an immediate one follows; the default is 30,000. */
  readonly stopTimeoutMs?: number;
  /** Is told how many backends of a dead server a start had to kill, even if the start fails later. */
  readonly onOrphans?: (killed: number) => Promise<void>;
};

export type RunningCluster = {
  readonly pid: number;
  /** The folder of the Unix socket, which clients use as the host. */
  readonly host: string;
  readonly port: number;
  /** False when the server was running already and has only been adopted. */
  readonly started: boolean;
};

const DEFAULT_SETTINGS: ClusterSettings = {
  shared_buffers: "64MB",
  // Mistakes of clients would fill the disk, and their statements hold values. Clients see their own errors.
  log_min_messages: "log",
  log_min_error_statement: "panic",
  log_checkpoints: "off",
};
const DEFAULT_PORT = 5432;
const POLL_MS = 20;
const RETRY_MS = 100;
const UNFINISHED = "init-";
const PASSWORD_FILE = "superuser.password";
const MAX_SECRET_BYTES = 4_096;

/** These faults pass: another process starts the cluster, or backends of a killed postmaster are still ending. */
const ORPHANS_REMAIN = "pre-existing shared memory block";
const TRANSIENT = new RegExp(`lock file "[^"]+" (already exists|is empty)|${ORPHANS_REMAIN}`);

export class Cluster {
  readonly dataDir: string;
  readonly logFile: string;
  readonly #paths: LastWordsPaths;

  constructor(private readonly options: ClusterOptions) {
    this.dataDir = join(options.folder, "data");
    this.logFile = join(options.folder, "postgres.log");
    this.#paths = { dataDir: this.dataDir, logFile: this.logFile };
  }

  /**
   * Makes the cluster unless there is one: UTF8, locale C, scram-sha-256 for all. It may be killed, or run twice at once.
   * Without `sync`, the caller must sync the new cluster before it survives a power failure.
   */
  async init({ sync = this.options.settings?.fsync !== "off" } = {}): Promise<void> {
    const { folder, user, bin } = this.options;
    if (!(await this.#isInitialised())) {
      const temporary = await mkdtemp(join(folder, UNFINISHED));
      const passwordFile = join(temporary, PASSWORD_FILE);
      const unfinished = join(temporary, "data");
      try {
        await writeOwned(passwordFile, randomBytes(24).toString("base64url"), user);
        // Only now may the database's user enter the folder.
        await makePrivateFolder(temporary, user);
        await runAsOsUser(user, join(bin, "initdb"), [
          `--pgdata=${unfinished}`,
          `--pwfile=${passwordFile}`,
          "--username=postgres",
          "--auth=scram-sha-256",
          "--encoding=UTF8",
          "--locale=C",
          ...(sync ? [] : ["--no-sync"]),
        ]);
        // The password belongs to the data as the role catalog does: both appear together, and are copied together.
        await rename(passwordFile, join(unfinished, PASSWORD_FILE));
        await rename(unfinished, this.dataDir);
      } catch (error) {
        // Another process may have been quicker and removed this attempt.
        if (!(await this.#isInitialised())) {
          await rm(temporary, { recursive: true, force: true });
          throw error;
        }
      }
    }
    await this.#sweep();
  }

  /** @returns the superuser's name and password @throws Error when the password file is gone, or the database's user does not own it */
  async superuser(): Promise<{ username: string; password: string }> {
    return { username: "postgres", password: await this.readSecret(PASSWORD_FILE) };
  }

  /** Reads a secret from the data directory. The database's user must own the file: a link there could lead to somebody else's secret. */
  async readSecret(name: string): Promise<string> {
    return (await readOwnedFileStart(join(this.dataDir, name), MAX_SECRET_BYTES, this.options.user.uid)).toString();
  }

  /**
   * Resolves when the cluster accepts connections. It adopts a running server, waits for one that is starting, recovering or
   * stopping, and clears away what a killed one left behind.
   * @throws StillStartingError when the server still starts after the time-out; it goes on, because a recovery that is stopped
   * begins anew. @throws Error with the last lines of PostgreSQL's log; what this call started has then been stopped again
   */
  async start(signal?: AbortSignal, timeoutMs = this.options.startTimeoutMs ?? 60_000): Promise<RunningCluster> {
    const { user, settings, onOrphans } = this.options;
    const deadline = Date.now() + timeoutMs;
    let attempt: LaunchAttempt | undefined;
    try {
      for (;;) {
        const running = await findPostmaster(this.dataDir);
        if (running?.isReady) {
          const { pid, port, socketDir } = running;
          return { pid, host: socketDir, port, started: pid === attempt?.pid };
        }
        if (!running && (!attempt || attempt.hasEnded())) {
          const lastWords = await attempt?.lastWords();
          if (lastWords !== undefined && !TRANSIENT.test(lastWords))
            throw faultOfLastWords(this.#paths, "cannot start", lastWords);
          // The backends had the time of a failed start to end by themselves.
          if (lastWords?.includes(ORPHANS_REMAIN))
            await fenceOrphans(this.dataDir, user, settings?.cluster_name, onOrphans);
          if (attempt) await delay(RETRY_MS, undefined, { signal });
          attempt = await this.#launch();
        }
        if (Date.now() > deadline) {
          const fault = faultOfLastWords(
            this.#paths,
            `did not start within ${timeoutMs} ms`,
            (await attempt?.lastWords()) ?? "",
          );
          throw running ? new StillStartingError(fault.message, running.pid === attempt?.pid) : fault;
        }
        await delay(POLL_MS, undefined, { signal });
      }
    } catch (error) {
      if (attempt && !attempt.hasEnded() && !(error instanceof StillStartingError))
        await shutDownServer(this.#shutdown(), attempt.pid, socketFolderOf(this.options.folder));
      throw error;
    }
  }

  /**
   * @returns the value that a parameter would have after the next start
   * @throws PreviewError where the configuration files would keep PostgreSQL from starting
   */
  async preview(name: string): Promise<string> {
    const { folder, fileSettings } = this.options;
    return previewSetting(this.options, this.#args(fileSettings ? await settingsFileArgsIfPresent(folder) : []), name);
  }

  /** Checks the overrides of the settings file before that is written. @throws PreviewError, which names the parameter */
  async checkOverrides(): Promise<void> {
    const overrides = Object.entries(this.options.fileSettings?.overrides ?? {});
    const args = [...this.#args([]), ...overrides.flatMap(([name, value]) => ["-c", `${name}=${value}`])];
    await previewSetting(this.options, args, "data_directory");
  }

  /** Writes the settings file, and has a running server read it: by a signal, which asks for no login. */
  async reloadSettingsFile(): Promise<void> {
    const { folder, fileSettings, user } = this.options;
    if (fileSettings) await writeSettingsFile(folder, fileSettings, user);
    const running = await findPostmaster(this.dataDir);
    if (running) signalProcess(running.pid, "SIGHUP");
  }

  /** Shuts the server down fast, and immediately when that takes too long. Resolves when the postmaster is gone. */
  async stop(): Promise<void> {
    const running = await findPostmaster(this.dataDir);
    if (running) await shutDownServer(this.#shutdown(), running.pid, running.socketDir);
  }

  async #launch(): Promise<LaunchAttempt> {
    const { bin, folder, user, tcpPort = DEFAULT_PORT, fileSettings } = this.options;
    const socketDir = socketFolderOf(this.options.folder);
    await makePrivateFolder(socketDir, user);
    await clearStalePostmaster(join(this.dataDir, "postmaster.pid"), this.dataDir);
    await clearStalePostmaster(join(socketDir, `.s.PGSQL.${tcpPort}.lock`), this.dataDir);
    if (fileSettings) await writeSettingsFile(folder, fileSettings, user);
    const args = this.#args(fileSettings ? settingsFileArgs(folder) : [], await this.#raisedSettings());
    return launch({ bin, folder, user, logFile: this.logFile, args });
  }

  /** @returns parameters that a standby needs higher than its options say, because somebody raised them on its primary by hand */
  async #raisedSettings(): Promise<ClusterSettings> {
    const control = (await isStandbyData(this)) && (await readControlFile(this.dataDir).catch(() => null));
    const lacks = ([name, value]: [string, number]) => Number(this.options.settings?.[name]) < value;
    return control ? Object.fromEntries(Object.entries(control.needed).filter(lacks)) : {};
  }

  #args(fileArgs: readonly string[], needed: ClusterSettings = {}): string[] {
    const { folder, settings, tcpPort } = this.options;
    const where = ["-k", socketFolderOf(folder), "-p", String(tcpPort ?? DEFAULT_PORT)];
    const args = [...postgresProcessArgs(this.dataDir), ...where, ...fileArgs];
    const allSettings = { listen_addresses: tcpPort ? "127.0.0.1" : "", ...DEFAULT_SETTINGS, ...settings, ...needed };
    return [...args, ...Object.entries(allSettings).flatMap(([name, value]) => ["-c", `${name}=${value}`])];
  }

  #shutdown() {
    const { folder, stopTimeoutMs = 30_000 } = this.options;
    return { folder, dataDir: this.dataDir, stopTimeoutMs };
  }

  async #isInitialised(): Promise<boolean> {
    return stat(join(this.dataDir, "PG_VERSION")).then(
      () => true,
      () => false,
    );
  }

  /** Removes what a killed init left. An init that is still at work notices that the cluster exists now. */
  async #sweep(): Promise<void> {
    const { folder } = this.options;
    for (const name of await readdir(folder)) {
      if (name.startsWith(UNFINISHED)) await rm(join(folder, name), { recursive: true, force: true }).catch(() => {});
    }
  }
}
