/** Carries out the steps of a Dockerfile in a folder, stage by stage, as an engine would: this machine stands for the base image. */
import { execFile, spawn } from "node:child_process";
import { chmod, copyFile, cp, mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { promisify } from "node:util";
import { isRoot } from "../support/sandbox.js";
import { assignments, execForm, type Instruction, parseDockerfile, type Stage } from "./dockerfile.js";

export interface Rehearsal {
  /** The folder with the Dockerfile, its .dockerignore and all that is copied. */
  readonly context: string;
  /** An empty folder for the stages. */
  readonly folder: string;
  readonly buildArgs?: Readonly<Record<string, string>>;
  /** Is called before each instruction with the stage's root. */
  readonly before?: (instruction: Instruction, root: string) => Promise<void>;
}

export interface Image {
  /** What `/` is in the image. */
  readonly root: string;
  readonly workdir: string;
  readonly env: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly user: { readonly uid: number; readonly gid: number };
  readonly command: readonly string[];
  readonly healthcheck: readonly string[];
  readonly volumes: readonly string[];
  readonly ports: readonly string[];
}

const SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin";

/** @returns the names that .dockerignore lets through; it must begin with letting nothing through */
export async function sentToBuilder(context: string): Promise<string[]> {
  const [first, ...rest] = (await readFile(join(context, ".dockerignore"), "utf8"))
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));
  if (first !== "*" || !rest.every((line) => /^![\w./-]+$/.test(line)))
    throw new Error("Begin with *, then name each.");
  return rest.map((line) => line.slice(1));
}

/** Copies as COPY does: of a folder what is in it, modes as they are, owned by root. */
async function copyInto(source: string, target: string): Promise<void> {
  const isFolder = (await stat(source)).isDirectory();
  const to =
    !isFolder && (await stat(target).catch(() => null))?.isDirectory() ? join(target, basename(source)) : target;
  await cp(source, to, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
  if (isFolder) await chmodAlike(source, to);
  if (isRoot) await promisify(execFile)("chown", ["-R", "0:0", to]);
}

/** Node.js gives folders that it copies the mode of the umask. */
async function chmodAlike(source: string, target: string): Promise<void> {
  await chmod(target, (await stat(source)).mode & 0o7777);
  for (const entry of await readdir(source, { withFileTypes: true }))
    if (entry.isDirectory()) await chmodAlike(join(source, entry.name), join(target, entry.name));
}

/** What a stage has become so far. */
class Build {
  readonly env: Record<string, string> = {};
  readonly labels: Record<string, string> = {};
  readonly variables: Record<string, string> = {};
  readonly volumes: string[] = [];
  readonly ports: string[] = [];
  workdir = "/";
  user = "0:0";
  command: string[] = [];
  healthcheck: string[] = [];

  constructor(
    readonly root: string,
    private readonly rehearsal: Rehearsal,
    private readonly rootOf: (stage: string) => string,
  ) {}

  /** Lays out the base image: a Node.js of its major version. */
  async begin({ base }: Stage): Promise<void> {
    if (base !== `node:${process.versions.node.split(".")[0]}-slim`) throw new Error(`This Node.js is not ${base}.`);
    const bin = join(this.root, "usr/local/bin");
    await mkdir(bin, { recursive: true });
    await copyFile(process.execPath, join(bin, "node"));
    await chmod(join(bin, "node"), 0o755);
  }

  /** An absolute path in the image, by where it is here. */
  private here(path: string): string {
    return join(this.root, resolve(this.workdir, path));
  }

  private async run(text: string): Promise<void> {
    const stands = join(this.rehearsal.folder, "stand-ins");
    await mkdir(stands, { recursive: true });
    // Who is not root gives nothing away: the owner is left out.
    if (!isRoot) await writeFile(join(stands, "chown"), "#!/bin/sh\n", { mode: 0o755 });
    const command = text.replace(/(?<=\s)\/[\w./-]+/g, (path) => `'${this.here(path)}'`);
    const child = spawn("/bin/sh", ["-ec", `umask 022; ${command}`], {
      cwd: this.here("."),
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        HOME: process.env.HOME,
        PATH: `${stands}:${join(this.root, "usr/local/bin")}:${process.env.PATH}`,
        // What is known need not be fetched again.
        npm_config_prefer_offline: "true",
        npm_config_audit: "false",
        ...this.variables,
        ...this.env,
      },
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += chunk));
    const code = await new Promise((done) => child.on("close", done));
    if (code !== 0) throw new Error(`RUN ${text} ended with ${code}: ${output}`);
  }

  private async copy({ options, rest }: Instruction): Promise<void> {
    const words = rest.split(" ");
    const target = this.here(words.pop()!);
    const sent = await sentToBuilder(this.rehearsal.context);
    for (const source of words) {
      if (options.from === undefined && !sent.some((name) => source === name || source.startsWith(`${name}/`)))
        throw new Error(`.dockerignore keeps ${source} from the builder.`);
      await copyInto(
        join(options.from === undefined ? this.rehearsal.context : this.rootOf(options.from), source),
        target,
      );
    }
  }

  async follow(instruction: Instruction): Promise<void> {
    const { name, rest } = instruction;
    switch (name) {
      case "ARG": {
        const [variable, value = ""] = rest.split("=") as [string, string?];
        this.variables[variable] = this.rehearsal.buildArgs?.[variable] ?? value;
        return;
      }
      case "ENV":
        Object.assign(this.env, assignments(rest, { ...this.variables, ...this.env }));
        return;
      case "LABEL":
        Object.assign(this.labels, assignments(rest, { ...this.variables, ...this.env }));
        return;
      case "WORKDIR":
        this.workdir = rest;
        await mkdir(this.here("."), { recursive: true, mode: 0o755 });
        return;
      case "RUN":
        return this.run(rest);
      case "COPY":
        return this.copy(instruction);
      case "VOLUME":
        this.volumes.push(rest);
        return;
      case "EXPOSE":
        this.ports.push(rest);
        return;
      case "USER":
        this.user = rest;
        return;
      case "CMD":
        this.command = execForm(rest);
        return;
      case "HEALTHCHECK":
        this.healthcheck = execForm(rest.replace(/^CMD /, ""));
    }
  }

  image(): Image {
    const [, uid, gid] = /^(\d+):(\d+)$/.exec(this.user) ?? [];
    if (uid === undefined || uid === "0") throw new Error(`USER ${this.user} is not the number of an ordinary user.`);
    return { ...this, user: { uid: Number(uid), gid: Number(gid) } };
  }
}

/** @returns the last stage, as an image */
export async function rehearse(rehearsal: Rehearsal): Promise<Image> {
  const stages = parseDockerfile(await readFile(join(rehearsal.context, "Dockerfile"), "utf8"));
  const rootOf = (name: string) => join(rehearsal.folder, name);
  let build: Build | undefined;
  for (const stage of stages) {
    build = new Build(rootOf(stage.name ?? "image"), rehearsal, rootOf);
    await build.begin(stage);
    for (const instruction of stage.instructions) {
      await rehearsal.before?.(instruction, build.root);
      await build.follow(instruction);
    }
  }
  if (!build) throw new Error("There is no stage.");
  return build.image();
}

/** Starts a command of the image, as its user where this one may become another. */
export function runInImage(image: Image, command: readonly string[], given: Readonly<Record<string, string>>) {
  const [program, ...words] = command as [string, ...string[]];
  // A path in the image is one in its folder here.
  const env = Object.fromEntries(
    Object.entries(image.env).map(([name, value]) => [name, value.startsWith("/") ? join(image.root, value) : value]),
  );
  return spawn(join(image.root, "usr/local/bin", program), words, {
    cwd: join(image.root, image.workdir),
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: `${join(image.root, "usr/local/bin")}:${SYSTEM_PATH}`, ...env, ...given },
    ...(isRoot && image.user),
  });
}
