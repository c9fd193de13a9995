/** The events that RDS writes of instances, clusters and snapshots, which tell after a crash what was done. */
import { DescribeEventsCommand, type Event, type SourceType } from "@aws-sdk/client-rds";
import type { Intent } from "../provider.js";
import { type AwsScope, listPages } from "./scopes.js";

const MINUTE_MS = 60_000;
/** AWS keeps events for 14 days. */
const KEPT_MS = 13 * 24 * 60 * MINUTE_MS;
/** The clocks of AWS and of Postern's database differ by less. */
const SKEW_MS = 30 * MINUTE_MS;

export interface RdsEventSource {
  readonly type: SourceType;
  readonly identifier: string;
}

export interface RdsEvent {
  readonly atMs: number;
  readonly text: string;
}

/** The newest events that were there before, in plain JSON: their time, and their texts; null where there was none within the last hour. */
export type NewestEvents = { readonly atMs: number; readonly texts: readonly string[] } | null;

async function listEvents(scope: AwsScope, { type, identifier }: RdsEventSource, since: Date | null) {
  const time = since ? { StartTime: since } : { Duration: 60 };
  const asked = { SourceType: type, SourceIdentifier: identifier, ...time };
  const events = await listPages(
    scope,
    (client, page) => client.send(new DescribeEventsCommand({ ...page, ...asked })),
    ({ Events: items }: { Events?: Event[] | undefined; Marker?: string | undefined }) => items,
  );
  const known = events.flatMap(({ Date: date, Message: text = "" }) => (date ? [{ atMs: date.getTime(), text }] : []));
  return known.sort((one, other) => one.atMs - other.atMs);
}

/** @returns what is newest now @throws UNAVAILABLE */
export async function findNewestEvents(scope: AwsScope, source: RdsEventSource): Promise<NewestEvents> {
  const events = await listEvents(scope, source, null);
  const atMs = events.at(-1)?.atMs;
  if (atMs === undefined) return null;
  return { atMs, texts: events.filter((event) => event.atMs === atMs).map(({ text }) => text) };
}

/** @returns the events that are newer than what was seen before, the oldest first @throws UNAVAILABLE */
export async function listNewerEvents(
  scope: AwsScope,
  source: RdsEventSource,
  { askedAt }: Intent,
  newest: NewestEvents,
  nowMs: number,
): Promise<RdsEvent[]> {
  const since = new Date(Math.max(Date.parse(askedAt) - SKEW_MS, nowMs - KEPT_MS));
  const events = await listEvents(scope, source, since);
  if (newest === null) return events;
  return events.filter(
    ({ atMs, text }) => atMs > newest.atMs || (atMs === newest.atMs && !newest.texts.includes(text)),
  );
}
