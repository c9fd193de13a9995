/** Keeps the journal of an instance's operations: one durable file for each, from which the successor of a killed process goes on.
 *
 * For example, Postern is killed in the middle of a failover from a to b. op-1.json in the journal says:
 *   {"state": "running", "awaySince": "2024-05-01T10:00:00.000Z", "failoverTo": "b", "endedAt": null, ...}
 * The successor reads instance.json, where `primary` alone decides who the primary is:
 *   "a": the kill came before the decision. bring-up starts a again, and op-1 ends as failed with the code Interrupted.
 *   "b": the kill came after it. bring-up fences a, promotes b and lets a be cloned anew, and op-1 ends as succeeded.
 * Either way op-1.json then holds the end, and a poll with the id op-1 reads it there. A start with the same id changes nothing.
 */
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { readDurable, writeDurableJson } from "./durable-json.js";
import { type JournalEntry, journalEntryForm } from "./journal-entry.js";

const KEPT_MS = 7 * 24 * 3_600_000;
/** The id is also the name of a file. */
const OPERATION_ID = /^[\w-]{1,100}$/;

/** @throws Error when the id of the operation cannot name a file, or the folder cannot be written to */
export function writeJournalEntry(folder: string, entry: JournalEntry): Promise<void> {
  return writeDurableJson(fileOf(folder, entry.request.operationId), journalEntryForm.parse(entry));
}

/** @returns undefined where there is no entry */
export function readJournalEntry(folder: string, operationId: string): Promise<JournalEntry | undefined> {
  return readDurable(fileOf(folder, operationId), journalEntryForm);
}

/** Lists the entries that have not ended, and leaves out those that cannot be read. */
export async function listUnfinishedInJournal(folder: string): Promise<JournalEntry[]> {
  return (await readAll(folder)).filter(({ state }) => state === "running");
}

/** Removes the entries that ended more than seven days ago. */
export async function pruneJournal(folder: string, now: Date): Promise<void> {
  for (const { request, endedAt } of await readAll(folder)) {
    if (endedAt === null || now.getTime() - Date.parse(endedAt) <= KEPT_MS) continue;
    await rm(fileOf(folder, request.operationId), { force: true });
  }
}

async function readAll(folder: string): Promise<JournalEntry[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".json"));
  const entries = await Promise.all(
    names.map((name) => readDurable(join(folder, name), journalEntryForm).catch(() => undefined)),
  );
  return entries.filter((entry) => entry !== undefined);
}

function fileOf(folder: string, operationId: string): string {
  if (!OPERATION_ID.test(operationId)) throw new Error("The id of an operation is letters, digits, hyphens and _.");
  return join(folder, `${operationId}.json`);
}
