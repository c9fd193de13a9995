/** What a configuration of parameter groups may not say, and why. */
import { expect, test } from "vitest";
import { localParameterGroups } from "../../src/values/parameter-groups.js";

const BARRED = {
  "Postern sets itself": [
    ...["port", "listen_addresses", "data_directory", "ssl", "ssl_key_file", "archive_command", "restore_command"],
    ...["primary_conninfo", "wal_level", "max_wal_senders", "synchronous_standby_names", "shared_buffers"],
    ...["max_connections", "include", "reserved_connections", "stats_temp_directory", "huge_pages", "postern.settings"],
  ],
  "writes could be lost, or damage be hidden": ["fsync", "wal_sync_method", "zero_damaged_pages"],
  "keep Postern itself out, or end its sessions": [
    ...["transaction_timeout", "pre_auth_delay", "post_auth_delay", "authentication_timeout"],
  ],
  "changes what statements mean": ["search_path", "session_replication_role", "default_transaction_read_only"],
  "runs code or loads it": [
    ...["shared_preload_libraries", "plperl.on_plperl_init", "plperlu.on_init", "pltcl.start_proc"],
    ...["pltclu.start_proc", "plpgsql.extra_errors", "oauth_validator_libraries"],
  ],
};
test.each(Object.entries(BARRED).flatMap(([why, names]) => names.map((name) => [name, why] as const)))(
  "%s is no setting of a group, as it %s",
  (name, why) => {
    const { success, error } = localParameterGroups.safeParse({ reports: { settings: { [name]: "x" } } });
    expect([success, error?.issues[0]?.path, JSON.stringify(error?.issues)]).toEqual([
      false,
      ["reports", "settings", name],
      expect.stringContaining(why),
    ]);
  },
);

test.each(["statement_timeout", "lock_timeout", "idle_session_timeout", "idle_in_transaction_session_timeout"])(
  "%s is one, as Postern's sessions have none",
  (name) => {
    expect(localParameterGroups.safeParse({ reports: { settings: { [name]: "1s" } } }).success).toBe(true);
  },
);

test.each([
  { default: { settings: {} } },
  { "1st": { settings: {} } },
  { reports: { settings: { WORK_MEM: "1MB" } } },
  { reports: { settings: { work_mem: "1MB\nport = 1" } } },
  { reports: { settings: { work_mem: "x".repeat(1001) } } },
  { reports: { settings: { work_mem: null } } },
  { reports: {} },
  { reports: { settings: Object.fromEntries(Array.from({ length: 101 }, (_, n) => [`custom.n${n}`, "1"])) } },
  Object.fromEntries(Array.from({ length: 21 }, (_, n) => [`g${n}`, { settings: {} }])),
])("%j is no configuration of groups", (text) => {
  expect(localParameterGroups.safeParse(text).success).toBe(false);
});
