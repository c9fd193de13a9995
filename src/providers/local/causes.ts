/** Knows the common causes of a failure on this host: a code, the cause and what to do, without secrets or foreign paths. */
import postgres from "postgres";
import { CopyStorageFullError, NotCopyableError } from "../../postgres/copy-files.js";
import { StillStartingError } from "../../postgres/last-words.js";
import { NotAFileError } from "../../postgres/owned-file.js";
import type { FailureCode } from "../errors.js";

type FailureCause = { readonly code: FailureCode; readonly message: string };

const SESSION_ENDED: FailureCause = {
  code: "Cancelled",
  message: "Somebody ended Postern's session on the instance. See who ends sessions there, and ask again.",
};

/** The causes by the SQLSTATE with which PostgreSQL refuses or ends a statement or session. */
const BY_STATE: Readonly<Record<string, FailureCause>> = {
  "28P01": {
    code: "AccessDenied",
    message:
      "PostgreSQL refuses the superuser's password. Set it to what stands in superuser.password in the data folder, or write the new one there.",
  },
  "28000": {
    code: "AccessDenied",
    message:
      "PostgreSQL does not let the superuser log in. See that pg_hba.conf begins with `local all postgres scram-sha-256` and that the role may log in, and reload it.",
  },
  "42501": {
    code: "AccessDenied",
    message:
      "PostgreSQL may not do this: the role postgres is no superuser any more, or a file of the data folder belongs to somebody else. Give it back.",
  },
  "53100": { code: "StorageFull", message: "The disk of the instance is full. Give it more room, and ask again." },
  "53200": { code: "ResourcesExhausted", message: "PostgreSQL has no memory left. End what uses it, and ask again." },
  "53300": {
    code: "ResourcesExhausted",
    message:
      "All connections of the instance are taken, those reserved for the superuser too. End sessions, or raise max_connections, and ask again.",
  },
  "53400": {
    code: "ResourcesExhausted",
    message:
      "All replication slots of the instance are in use, and a copy needs one. Drop those that nobody uses (see pg_replication_slots), or raise max_replication_slots.",
  },
  "57014": {
    code: "Cancelled",
    message: "Somebody cancelled what Postern did on the instance. See who ends sessions there, and ask again.",
  },
  "57P01": SESSION_ENDED,
  // PostgreSQL raises this when the session of a backup has ended.
  "55000": SESSION_ENDED,
};

/** The causes by the error code of the operating system or the driver. */
const BY_ERRNO: Readonly<Record<string, FailureCause>> = {
  EACCES: {
    code: "AccessDenied",
    message:
      "A file of the instance may not be read or written. Give all of its folder to the user that runs PostgreSQL, and ask again.",
  },
  ECONNREFUSED: {
    code: "InvalidDBInstanceState",
    message: "Nothing listens on the socket of the instance. A reboot starts it again.",
  },
  ECONNRESET: SESSION_ENDED,
  EPIPE: SESSION_ENDED,
  CONNECTION_CLOSED: SESSION_ENDED,
  CONNECTION_ENDED: SESSION_ENDED,
  CONNECTION_DESTROYED: SESSION_ENDED,
  EIO: {
    code: "DataDamaged",
    message: "The disk of the instance fails. See the log of the operating system, and bring the data elsewhere.",
  },
  EMFILE: {
    code: "ResourcesExhausted",
    message: "Postern has too many files open. Raise the limit of open files, and ask again.",
  },
};

const FULL = new Set(["ENOSPC", "EDQUOT"]);

export const CAUSE_STILL_RECOVERS =
  "Its server still recovers, and goes on by itself: wait until the instance is available.";

/** @returns the cause of an error, or null where it is not a common one */
export function failureCauseOf(error: unknown): FailureCause | null {
  const { code = "", syscall } = error as NodeJS.ErrnoException;
  if (error instanceof CopyStorageFullError || FULL.has(code)) {
    const said = error instanceof CopyStorageFullError ? error.message : "The disk is full.";
    return { code: "StorageFull", message: `${said} Delete old snapshots, or give the disk more room, and ask again.` };
  }
  if (error instanceof StillStartingError) return { code: "StartFailed", message: CAUSE_STILL_RECOVERS };
  if (error instanceof NotCopyableError) return { code: "NotSupported", message: error.message };
  if (error instanceof postgres.PostgresError) {
    if (/^(XX001|XX002|58030|58P01)$/.test(code)) {
      const message = `PostgreSQL finds its files damaged or missing: ${error.message}. Restore a snapshot.`;
      return { code: "DataDamaged", message };
    }
    return (
      BY_STATE[code] ?? { code: "InternalFailure", message: `PostgreSQL refused it (${code}). Its log says more.` }
    );
  }
  if (code === "ENOENT" && syscall === "open" && String((error as NodeJS.ErrnoException).path).endsWith(".password")) {
    const message =
      "The file superuser.password is gone from the data folder. Write the superuser's password there again.";
    return { code: "AccessDenied", message };
  }
  if (error instanceof NotAFileError || code === "ELOOP") {
    const message =
      "Something in the folders of the instance is no plain file of the user that runs PostgreSQL. Put one in its place that belongs to that user; superuser.password holds the superuser's password.";
    return { code: "AccessDenied", message };
  }
  if (code === "EPERM") return BY_ERRNO.EACCES ?? null;
  if (code === "ENOENT" && syscall === "connect") return BY_ERRNO.ECONNREFUSED ?? null;
  return BY_ERRNO[code] ?? null;
}
