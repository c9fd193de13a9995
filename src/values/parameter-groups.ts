/** Checks parameter groups of local instances: named sets of PostgreSQL settings, without those that Postern sets itself. */
import { z } from "zod";

/** The group without settings, which is always there. */
export const DEFAULT_GROUP = "default";

export type LocalParameterGroups = ReadonlyMap<
  string,
  { readonly settings: Readonly<Record<string, string>>; readonly description?: string | undefined }
>;

const MAX_GROUPS = 20;
const MAX_SETTINGS = 100;
const MAX_VALUE = 1_000;

/** The settings that no group has, and why, to be read after the name. */
const REASONS: readonly (readonly [why: string, names: readonly string[]])[] = [
  [
    "is a setting that Postern sets itself",
    [
      ...["listen_addresses", "port", "unix_socket_.*", "bonjour.*", "ssl.*", "krb_.*", "password_encryption"],
      ...["data_directory", "config_file", "hba_file", "ident_file", "external_pid_file", "include.*", "cluster_name"],
      ...["archive_.*", ".*_command", "recovery_.*", "primary_.*", "promote_trigger_file", "hot_standby", "restore_.*"],
      ...["wal_level", "wal_log_hints", "wal_(sender|receiver)_.*", "wal_retrieve_retry_interval"],
      ...["synchronous_standby_names", "(max|min)_wal_size", "(superuser_)?reserved_connections", "jit"],
      ...["max_(wal_senders|replication_slots|slot_wal_keep_size|connections|worker_processes|parallel_workers)"],
      ...["autovacuum_max_workers", "shared_buffers", "(dynamic_)?shared_memory_type", "huge_page.*"],
      "log(ging)?_(destination|directory|filename|collector|file_mode|checkpoints|min_messages|min_error_statement)",
      ...["event_source", "syslog_.*", "restart_after_crash", "server_encoding", "stats_temp_directory"],
      "postern\\..*",
    ],
  ],
  [
    "is a setting with which writes could be lost, or damage be hidden",
    [
      ...["fsync", "full_page_writes", "data_sync_retry", "ignore_.*", "zero_damaged_pages", "allow_.*", "debug_.*"],
      ...["wal_sync_method"],
    ],
  ],
  [
    "is a setting that could keep Postern itself out, or end its sessions, which cannot set it for themselves",
    ["transaction_timeout", "authentication_timeout", "(pre|post)_auth_delay"],
  ],
  [
    "is a setting that changes what statements mean, those of Postern too: set it for a role or a database",
    ["search_path", "session_replication_role", "default_transaction_read_only", "lc_.*", "client_encoding"],
  ],
  [
    "is a setting that runs code or loads it into the servers",
    [
      ...["(shared|session|local)_preload_libraries", "jit_provider", "dynamic_library_path", "extension_.*"],
      // Procedural languages run what some of these hold as code.
      ...["pl.*\\..*", "oauth_validator_libraries"],
    ],
  ],
];
const BARRED = REASONS.map(([why, names]) => ({ why, form: new RegExp(`^(${names.join("|")})$`) }));

const faultOfSetting = (name: string): string | undefined => BARRED.find(({ form }) => form.test(name))?.why;

const groupName = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9.-]{0,254}$/, "is 1 to 255 letters, digits, dots and hyphens, a letter first")
  .refine((name) => name !== DEFAULT_GROUP, `is not ${DEFAULT_GROUP}, which has no settings`);

const settingName = z
  .string()
  .regex(
    /^[a-z][a-z0-9_]{0,62}(\.[a-z][a-z0-9_]{0,62})?$/,
    "is the name of a setting in small letters, such as work_mem",
  )
  .superRefine((name, context) => {
    const message = faultOfSetting(name);
    if (message !== undefined) context.addIssue({ code: "custom", message });
  });

const settingValue = z
  .union([z.string(), z.number(), z.boolean()])
  .transform((value) => (typeof value === "boolean" ? (value ? "on" : "off") : String(value)))
  .refine((text) => text.length <= MAX_VALUE, `has at most ${MAX_VALUE} characters`)
  // A line break would begin another setting in the settings file.
  .refine((text) => text.isWellFormed() && !/\p{Cc}/u.test(text), "has no control characters");

const atMost = (count: number) => [(all: object) => Object.keys(all).length <= count, `are at most ${count}`] as const;

export const localParameterGroups = z
  .record(
    groupName,
    z.strictObject({
      settings: z.record(settingName, settingValue).refine(...atMost(MAX_SETTINGS)),
      description: z.string().max(MAX_VALUE).optional(),
    }),
  )
  .refine(...atMost(MAX_GROUPS))
  .transform((groups): LocalParameterGroups => new Map(Object.entries(groups)));
