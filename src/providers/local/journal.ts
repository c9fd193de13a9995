/** The journal of an instance's operations: one durable file for each, so that a killed process's successor knows the truth. */
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { readDurable, writeDurably } from "./durable-json.js";
import { type JournalEntry, journalEntryForm } from "./journal-entry.js";

const KEPT_MS = 7 * 24 * 3_600_000;
/** Becomes a file's name. */
const OPERATION_ID = /^[\w-]{1,100}$/;

/** @throws Error when the id of the operation cannot name a file, or the folder cannot be written to */
export function writeJournalEntry(folder: string, entry: JournalEntry): Promise<void> {
  return writeDurably(fileOf(folder, entry.request.operationId), journalEntryForm.parse(entry));
}

/** @returns undefined where there is none */
export function readJournalEntry(folder: string, operationId: string): Promise<JournalEntry | undefined> {
  return readDurable(fileOf(folder, operationId), journalEntryForm);
}

/** Entries that have not ended; one that cannot be read is left out. */
export async function unfinishedEntries(folder: string): Promise<JournalEntry[]> {
  return (await readAll(folder)).filter(({ state }) => state === "running");
}

/** Removes what ended more than seven days ago. */
export async function pruneEntries(folder: string, now: Date): Promise<void> {
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
