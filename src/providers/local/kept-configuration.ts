/** Keeps the last good copy of an instance's configuration beside its servers, and carries it to a standby that takes over. */
import { join } from "node:path";
import { z } from "zod";
import type { Cluster } from "../../postgres/cluster.js";
import {
  areSameConfigFiles,
  type ConfigFiles,
  readConfigFiles,
  replaceConfigFiles,
} from "../../postgres/config-files.js";
import { connectAsSuperuser } from "../../postgres/connection.js";
import { StillStartingError } from "../../postgres/last-words.js";
import { PreviewError } from "../../postgres/preview.js";
import { readDurable, writeDurableJson } from "./durable-json.js";
import { type Host } from "./host.js";
import { type LocalInstance, type LocalMember, primaryOf } from "./instance-file.js";
import { clusterOf, fenceMember, memberName } from "./members.js";
import { startWithGroup } from "./proven-group.js";

const keptForm = z.object({
  /** RFC 3339. */
  takenAt: z.string(),
  /** The bytes of each file as Latin-1, so that people can read them. */
  files: z.record(z.string(), z.string()),
});

const fileOf = (host: Host, { providerId }: LocalInstance) =>
  join(host.instances.folderOf(providerId), "configuration.json");

/** @returns the key under which Host.faults holds the fault of a broken configuration */
export const keptConfigurationKey = ({ providerId }: LocalInstance) => `${providerId}-configuration`;

/**
 * Copies the primary's configuration if it has changed and PostgreSQL would start with it, for a later failover.
 * @throws Error when it cannot be read or written
 */
export async function keepConfiguration(host: Host, instance: LocalInstance): Promise<void> {
  const cluster = clusterOf(host, instance, primaryOf(instance));
  const { files } = await readConfigFiles(cluster.dataDir);
  const kept = await findKept(host, instance);
  const key = keptConfigurationKey(instance);
  if (files.size === 0) return;
  if (kept && areSameConfigFiles(files, kept.files)) return void host.faults.delete(key);
  const fault = (await settingsFaultOf(cluster)) ?? (await rulesFaultOf(host, cluster));
  if (fault === null) host.faults.delete(key);
  else host.faults.set(key, fault);
  // A configuration that changed meanwhile is not checked yet.
  if (fault !== null || !areSameConfigFiles(files, (await readConfigFiles(cluster.dataDir)).files)) return;
  const text = Object.fromEntries([...files].map(([path, bytes]) => [path, bytes.toString("latin1")]));
  await writeDurableJson(fileOf(host, instance), { takenAt: host.clock.now().toISOString(), files: text });
  host.log.info({ instance: instance.identifier }, "Copied the configuration, which has changed");
}

/**
 * Gives a standby the configuration of its primary, and restarts it if it had another. It tries what the primary has now, then the
 * last good copy, then the standby's own.
 * @returns whether it was restarted, and what was not carried over, for people @throws Error when it does not start at all
 */
export async function carryConfiguration(
  host: Host,
  instance: LocalInstance,
  to: LocalMember,
): Promise<{ readonly isRestarted: boolean; readonly notCarried: readonly string[] }> {
  const from = clusterOf(host, instance, primaryOf(instance));
  const standby = clusterOf(host, instance, to);
  const ofPrimary = await readConfigFiles(from.dataDir).catch(() => null);
  const kept = await findKept(host, instance);
  const notCarried = [...(ofPrimary?.leftOut ?? [])];
  const candidates: ConfigFiles["files"][] = [];
  if (ofPrimary && ofPrimary.files.size > 0) {
    const fault = await settingsFaultOf(from);
    if (fault === null) candidates.push(ofPrimary.files);
    else notCarried.push(`changes of the configuration, which is broken: ${fault}`);
  } else {
    notCarried.push(
      `changes of the configuration since ${kept?.takenAt ?? "the standby was made"}, with the data folder`,
    );
  }
  if (kept) candidates.push(kept.files);

  const original = (await readConfigFiles(standby.dataDir)).files;
  let current = original;
  let isRestarted = false;
  const name = memberName(instance, to);
  for (const files of [...candidates, original]) {
    if (areSameConfigFiles(files, current)) {
      if (isRestarted) continue;
      break;
    }
    isRestarted = true;
    host.log.info({ instance: instance.identifier }, `Giving ${name} the configuration of its primary`);
    await fenceMember(host, instance.providerId, to.name);
    await replaceConfigFiles(standby.dataDir, current, files, host.user);
    current = files;
    try {
      const { putBack } = await startWithGroup(host, instance, to);
      if (putBack) notCarried.push(`the parameter group ${putBack.name}, with which it does not start`);
      break;
    } catch (error) {
      host.log.error({ err: error, instance: instance.identifier }, `${name} does not start with this configuration`);
      if (files === original || error instanceof StillStartingError) throw error;
      notCarried.push(`a configuration with which ${name} does not start, as the log of its server says`);
    }
  }
  return { isRestarted, notCarried };
}

async function findKept(host: Host, instance: LocalInstance) {
  const stored = await readDurable(fileOf(host, instance), keptForm).catch(() => undefined);
  if (!stored) return null;
  const files = Object.entries(stored.files).map(([path, text]) => [path, Buffer.from(text, "latin1")] as const);
  return { takenAt: stored.takenAt, files: new Map(files) };
}

/** @returns what keeps a server from starting with its configuration files, null where nothing does */
const settingsFaultOf = (cluster: Cluster): Promise<string | null> =>
  cluster.preview("data_directory").then(
    () => null,
    (error) => (error instanceof PreviewError ? error.message : "PostgreSQL cannot be asked."),
  );

/** @returns what is wrong with the rules for clients, null where nothing is @throws Error when the server does not answer */
async function rulesFaultOf(host: Host, cluster: Cluster): Promise<string | null> {
  const [row] = await connectAsSuperuser(
    cluster,
    (sql) => sql`
      (select 'line ' || line_number || ' of pg_hba.conf: ' || error || '.' as error
         from pg_hba_file_rules where error is not null limit 1)
       union all
      (select 'line ' || line_number || ' of pg_ident.conf: ' || error || '.'
         from pg_ident_file_mappings where error is not null limit 1)`,
    { timeoutMs: host.limits.answerTimeoutMs },
  );
  return row?.error ?? null;
}
