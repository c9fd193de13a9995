/** Where data and binaries go when the database's user cannot reach them where they are. */
import { chmod, chown, mkdir, readdir, rm, stat, symlink, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { type EmbeddedOptions, startEmbedded } from "../../src/cli/embedded.js";
import { createLog } from "../../src/log.js";
import { findBinaries, makeBinariesRunnable } from "../../src/postgres/binaries.js";
import { chooseFolder, makePrivateFolder, ROOT_DATA_FOLDER } from "../../src/postgres/folder.js";
import { databaseUser } from "../../src/postgres/os-user.js";
import { isRoot, UNSYNCED, useSandbox } from "../support/sandbox.js";

const sandbox = useSandbox();
const start = (wanted: Pick<EmbeddedOptions, "dataDir" | "createDatabases">) =>
  startEmbedded({ log: createLog("silent"), settings: UNSYNCED, ...wanted });

test("a folder within reach is used where it is wanted, and is the database user's alone", async () => {
  const user = await databaseUser();
  const wanted = join(sandbox.path, "new/data");
  const place = await chooseFolder(wanted, "database", user);
  expect(place).toEqual({ dataDir: wanted, path: join(wanted, "database") });
  for (const path of [wanted, place.path]) {
    const { uid, mode } = await stat(path);
    expect([uid, mode & 0o777]).toEqual([user.uid, 0o700]);
  }
  expect(await readdir(place.path)).toEqual([]);
  expect(await chooseFolder(wanted, "database", user)).toEqual(place);
});

test("a data folder that was there before keeps its owner, its mode and its files", async () => {
  const wanted = join(sandbox.path, "mine");
  await mkdir(wanted);
  await chmod(wanted, 0o755);
  await writeFile(join(wanted, "letter"), "");
  await chooseFolder(wanted, "database", await databaseUser());
  const { uid, mode } = await stat(wanted);
  expect([uid, mode & 0o777]).toEqual([process.getuid?.(), 0o755]);
  expect((await readdir(wanted)).sort()).toEqual(["database", "letter"]);
});

test("something else in the place of the folder is refused", async () => {
  await writeFile(join(sandbox.path, "file"), "");
  await expect(makePrivateFolder(join(sandbox.path, "file"), await databaseUser())).rejects.toThrow();
});

describe.skipIf(!isRoot)("as root (only root runs the database as another user)", () => {
  /** A folder that only root enters. */
  async function closedFolder(name: string): Promise<string> {
    const closed = join(sandbox.path, name);
    await mkdir(closed);
    await chmod(closed, 0o700);
    return closed;
  }

  test("a data folder out of reach is replaced by one below /var/lib/postern, for good", async () => {
    const closed = await closedFolder("no-data");
    const dataDir = join(closed, "data");
    const first = await start({ dataDir });
    onTestFinished(() => rm(first.dataDir, { recursive: true }));
    await first.stop();
    expect(first.dataDir).toMatch(new RegExp(`^${ROOT_DATA_FOLDER}/data-[0-9a-f]{8}$`));
    expect(await readdir(closed), "nothing is left in the wanted place").toEqual([]);

    await chmod(closed, 0o755);
    const second = await start({ dataDir });
    await second.stop();
    expect(second.dataDir, "data stays where it is when the way opens").toBe(first.dataDir);
  });

  test("data that got out of reach is reported, not replaced", async () => {
    const parent = join(sandbox.path, "parent");
    await (await start({ dataDir: join(parent, "data") })).stop();
    await chmod(parent, 0o700);
    await chown(parent, 0, 0);
    await expect(start({ dataDir: join(parent, "data") })).rejects.toThrow(/cannot use the folder/);
  });

  test("a folder of another user is not taken over", async () => {
    const path = join(sandbox.path, "theirs/database");
    await mkdir(path, { recursive: true });
    await writeFile(join(path, "letter"), "");
    await chown(path, 4_242, 4_242);
    await expect(chooseFolder(dirname(path), "database", await databaseUser())).rejects.toThrow(
      "belongs to the user id",
    );
    expect((await stat(path)).uid).toBe(4_242);
  });

  test("binaries out of reach are copied once, and run from there", async () => {
    const user = await databaseUser();
    const closed = await closedFolder("no-binaries");
    const installed = dirname(await findBinaries(user));
    await symlink(dirname(installed), join(closed, "package"));
    const native = join(closed, "package", basename(installed));
    const tree = { path: native, version: "1.2.3" };
    const home = join(sandbox.path, "home");
    const made = await Promise.all([makeBinariesRunnable(tree, user, home), makeBinariesRunnable(tree, user, home)]);
    const bin = join(home, "postgresql-1.2.3/bin");
    expect(made).toEqual([bin, bin]);
    expect(await readdir(home), "no half copy is left").toEqual(["postgresql-1.2.3"]);

    const { ino } = await stat(bin);
    expect(await makeBinariesRunnable(tree, user, home)).toBe(bin);
    expect((await stat(bin)).ino).toBe(ino);
    await chmod(closed, 0o755);
    expect(await makeBinariesRunnable(tree, user, home), "in place when it can be").toBe(join(native, "bin"));
  });
});
