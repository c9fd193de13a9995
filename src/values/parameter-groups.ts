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

/** Where servers listen and what they read, how they replicate and survive a crash, what they log, how long Postern's own sessions may take, and what runs programs or loads code. */
const OWNED = new RegExp(
  `^(${[
    ...["listen_addresses", "port", "unix_socket_.*", "bonjour.*", "ssl.*", "krb_.*", "password_encryption"],
    ...["data_directory", "config_file", "hba_file", "ident_file", "external_pid_file", "include.*", "cluster_name"],
    ...["archive_.*", ".*_command", "recovery_.*", "primary_.*", "promote_trigger_file", "hot_standby", "restore_.*"],
    ...[
      "wal_level",
      "wal_log_hints",
      "wal_(sender|receiver)_.*",
      "wal_retrieve_retry_interval",
      "synchronous_standby_names",
    ],
    ...["max_(wal_senders|replication_slots|slot_wal_keep_size|connections|worker_processes|parallel_workers)"],
    ...["(max|min)_wal_size", "(superuser_)?reserved_connections", "autovacuum_max_workers", "jit", "shared_buffers"],
    ...["fsync", "full_page_writes", "data_sync_retry", "ignore_.*", "zero_damaged_pages", "allow_.*", "debug_.*"],
    ...["wal_sync_method", "stats_temp_directory", "session_replication_role", "search_path"],
    ...["statement_timeout", "transaction_timeout", "authentication_timeout", "(pre|post)_auth_delay"],
    ...["(shared|session|local)_preload_libraries", "jit_provider", "dynamic_library_path", "extension_.*"],
    // Procedural languages run what some of these hold as code.
    ...["pl.*\\..*", "oauth_validator_libraries"],
    ...["dynamic_shared_memory_type", "shared_memory_type", "huge_page.*", "default_transaction_read_only"],
    ...["log(ging)?_(destination|directory|filename|collector|file_mode|checkpoints|min_messages|min_error_statement)"],
    ...["event_source", "syslog_.*", "restart_after_crash", "lc_.*", "server_encoding", "client_encoding"],
  ].join("|")})$`,
);

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
  .refine((name) => !OWNED.test(name), "is a setting that Postern sets itself");

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
