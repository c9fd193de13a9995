/** `npm run --silent where`: prints where the data folder is or, given the name of a local instance, the data directory of its primary. */
import { join, resolve } from "node:path";
import { type Config, processConfig } from "../config.js";
import { findFolder } from "../postgres/folder.js";
import { databaseUser } from "../postgres/os-user.js";
import { primaryOf } from "../providers/local/instance-file.js";
import { lookAtInstances } from "../providers/local/instances.js";

async function requireFolder({ dataDir }: Config, name: string): Promise<{ dataDir: string; path: string }> {
  const place = resolve(dataDir);
  const found = await findFolder(dataDir, name).catch((error: NodeJS.ErrnoException) => {
    throw error.code === "EACCES"
      ? new Error(`You may not look into ${place}. Ask as the user who runs Postern, or as root.`)
      : error;
  });
  if (found) return found;
  throw new Error(`There is no data in ${place} yet: npm start makes it. DATA_DIR names another folder.`);
}

async function whereInstance(config: Config, identifier: string): Promise<string> {
  const { path } = await requireFolder(config, "fleet");
  const instances = lookAtInstances(path, await databaseUser());
  const all = await instances.list();
  const wanted = all.find((instance) => instance.identifier.toLowerCase() === identifier.toLowerCase());
  if (wanted) return join(instances.memberFolder(wanted.providerId, primaryOf(wanted).name), "data");
  const names = all.map((instance) => instance.identifier).sort();
  const known = names.length > 0 ? `These are: ${names.join(", ")}.` : "There is none yet.";
  throw new Error(`There is no instance ${identifier} in ${path}. ${known}`);
}

async function where(config: Config, identifier: string | undefined): Promise<string> {
  if (config.databaseUrl === undefined)
    return identifier === undefined
      ? (await requireFolder(config, "database")).dataDir
      : whereInstance(config, identifier);
  if (identifier === undefined) return resolve(config.dataDir);
  throw new Error("With DATABASE_URL Postern runs no instances of its own.");
}

try {
  process.stdout.write(`${await where(processConfig(), process.argv[2])}\n`);
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 1;
}
