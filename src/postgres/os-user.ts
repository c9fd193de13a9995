/** Finds or creates the user that runs PostgreSQL, which refuses to run as root, and runs commands as that user. */
import { execFile } from "node:child_process";
import { userInfo } from "node:os";
import { promisify } from "node:util";

const execute = promisify(execFile);

/** A user with an entry in the passwd database. PostgreSQL refuses a bare uid. */
export type OsUser = { readonly name: string; readonly uid: number; readonly gid: number };

const NAME = "postgres";

/** The environment of the binaries: it holds no secrets of Postern, and fixes the language of messages, which are compared. */
export const OS_USER_ENV = { LC_ALL: "C", TZ: "UTC", PATH: "/usr/sbin:/usr/bin:/sbin:/bin" };

/**
 * @returns the user that runs PostgreSQL: the current one or, when that is root, `postgres`, which is created if it is missing
 * @throws Error that says what to do when there is no such user
 */
export async function databaseUser(): Promise<OsUser> {
  if (process.platform === "win32") {
    throw new Error("Postern runs its own PostgreSQL on Linux and macOS only. On Windows, run it in WSL.");
  }
  if (process.getuid?.() !== 0) return currentUser();
  const existing = await lookUp();
  if (existing) return existing;
  // A failure may mean that another process was quicker, so the second look-up decides.
  const args = ["--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", NAME];
  const cause = await execute("useradd", args, { env: OS_USER_ENV }).then(
    () => undefined,
    (error) => error,
  );
  const created = await lookUp();
  if (created) return created;
  throw new Error(
    `PostgreSQL does not run as root, and the system user ${NAME} could not be created for it. ` +
      `Create it (useradd --system --user-group ${NAME}), or start Postern as an ordinary user.`,
    { cause },
  );
}

/** Runs a program as `user` and returns its standard output. @throws Error with the program's standard error in its message */
export async function runAsOsUser(
  user: Pick<OsUser, "uid" | "gid">,
  file: string,
  args: readonly string[],
): Promise<string> {
  // The working directory must be one that this user can enter.
  const { stdout } = await execute(file, args, { uid: user.uid, gid: user.gid, cwd: "/", env: OS_USER_ENV });
  return stdout;
}

function currentUser(): OsUser {
  try {
    const { username, uid, gid } = userInfo();
    return { name: username, uid, gid };
  } catch (cause) {
    throw new Error(
      `The user id ${process.getuid?.()} has no entry in /etc/passwd, and PostgreSQL refuses to run without one. ` +
        "Start Postern as a user that has one, or as root.",
      { cause },
    );
  }
}

async function lookUp(): Promise<OsUser | undefined> {
  try {
    const readId = async (flag: string) => Number((await execute("id", [flag, NAME], { env: OS_USER_ENV })).stdout);
    const [uid, gid] = await Promise.all([readId("-u"), readId("-g")]);
    return uid > 0 ? { name: NAME, uid, gid } : undefined;
  } catch {
    return undefined;
  }
}
