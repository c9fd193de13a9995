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

/** What the events were before a change is asked for, in plain JSON. */
export interface SeenEvents {
  /** When they were listed, by AWS's clock; null where its answer does not say. What is older and told late is not of the change. */
  readonly lookedAtMs: number | null;
  /** The newest ones: their time, and their texts; null where there was none within the last hour. */
  readonly newest: { readonly atMs: number; readonly texts: readonly string[] } | null;
}

/** Has a command tell when AWS answers it, by AWS's clock. */
function tellingTime(command: DescribeEventsCommand, onAnswer: (atMs: number) => void): DescribeEventsCommand {
  command.middlewareStack.add(
    (next) => async (args) => {
      const answered = await next(args);
      const { headers } = answered.response as { readonly headers?: Readonly<Record<string, string>> };
      const atMs = Date.parse(headers?.date ?? "");
      if (!Number.isNaN(atMs)) onAnswer(atMs);
      return answered;
    },
    { step: "deserialize" },
  );
  return command;
}

async function listEvents(
  scope: AwsScope,
  { type, identifier }: RdsEventSource,
  since: Date | null,
  onAnswer: (atMs: number) => void = () => undefined,
) {
  const time = since ? { StartTime: since } : { Duration: 60 };
  const asked = { SourceType: type, SourceIdentifier: identifier, ...time };
  const events = await listPages(
    scope,
    (client, page) => client.send(tellingTime(new DescribeEventsCommand({ ...page, ...asked }), onAnswer)),
    ({ Events: items }: { Events?: Event[] | undefined; Marker?: string | undefined }) => items,
  );
  const known = events.flatMap(({ Date: date, Message: text = "" }) => (date ? [{ atMs: date.getTime(), text }] : []));
  return known.sort((one, other) => one.atMs - other.atMs);
}

/** @returns what is newest now @throws UNAVAILABLE */
export async function seeEvents(scope: AwsScope, source: RdsEventSource): Promise<SeenEvents> {
  let lookedAtMs: number | null = null;
  const events = await listEvents(scope, source, null, (atMs) => (lookedAtMs ??= atMs));
  const atMs = events.at(-1)?.atMs;
  if (atMs === undefined) return { lookedAtMs, newest: null };
  const texts = events.filter((event) => event.atMs === atMs).map(({ text }) => text);
  return { lookedAtMs, newest: { atMs, texts } };
}

/** @returns the events that are newer than what was seen before, the oldest first @throws UNAVAILABLE */
export async function listNewerEvents(
  scope: AwsScope,
  source: RdsEventSource,
  { askedAt }: Intent,
  { lookedAtMs, newest }: SeenEvents,
  nowMs: number,
): Promise<RdsEvent[]> {
  const since = new Date(Math.max(lookedAtMs ?? Date.parse(askedAt) - SKEW_MS, nowMs - KEPT_MS));
  const events = await listEvents(scope, source, since);
  if (newest === null) return events;
  return events.filter(
    ({ atMs, text }) => atMs > newest.atMs || (atMs === newest.atMs && !newest.texts.includes(text)),
  );
}
