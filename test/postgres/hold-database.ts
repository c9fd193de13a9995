/** A program for tests to kill: starts the database in the folder that it is given, says so, and stays. */
import postgres from "postgres";
import { startEmbedded } from "../../src/cli/embedded.js";
import { createLog } from "../../src/log.js";

// Not from the sandbox, which needs the test runner.
const UNSYNCED = { fsync: "off" };

const database = await startEmbedded({ dataDir: process.argv[2]!, log: createLog("silent"), settings: UNSYNCED });
const sql = postgres({ ...database.options, onnotice: () => {} });
await sql`create table mails (text text)`;
await sql`insert into mails values ('kept')`;
console.log("ready");
