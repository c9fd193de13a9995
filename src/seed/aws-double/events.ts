/** The action that lists events: of the last hour, or of a time within the last 14 days. */
import { AwsFault, invalidCombination, invalidValue } from "./aws-fault.js";
import { describeEvent } from "./descriptions.js";
import { pageOf } from "./paging.js";
import type { RdsAction } from "./region.js";

const MINUTE_MS = 60_000;
const DEFAULT_MINUTES = 60;
const MAX_MINUTES = 14 * 24 * 60;
const SOURCE_TYPES = [
  ...["db-instance", "db-parameter-group", "db-security-group", "db-snapshot", "db-cluster", "db-cluster-snapshot"],
  ...["custom-engine-version", "db-proxy", "blue-green-deployment", "db-shard-group", "zero-etl"],
];

const describeEvents: RdsAction = (region, parameters) => {
  const now = region.timeline.now();
  const identifier = parameters.text("SourceIdentifier")?.toLowerCase();
  const type = parameters.text("SourceType");
  if (identifier !== undefined && type === undefined)
    throw invalidCombination("SourceType must be provided if SourceIdentifier is supplied.");
  if (type !== undefined && !SOURCE_TYPES.includes(type)) throw invalidValue(`Invalid source type: ${type}`);
  const given = { start: parameters.moment("StartTime"), end: parameters.moment("EndTime") };
  const minutes = parameters.whole("Duration") ?? DEFAULT_MINUTES;
  if (minutes < 1 || minutes > MAX_MINUTES)
    throw invalidValue(`Invalid value for Duration: from 1 to ${MAX_MINUTES} minutes are allowed.`);
  const start = given.start ?? (given.end ?? now) - minutes * MINUTE_MS;
  const end =
    given.end ??
    (given.start === undefined || parameters.text("Duration") === undefined ? now : start + minutes * MINUTE_MS);
  if (start > end) throw invalidCombination("StartTime must be before EndTime.");
  // A caller may count the 14 days a little later than it sends them.
  if (start < now - MAX_MINUTES * MINUTE_MS - MINUTE_MS)
    throw new AwsFault("InvalidParameterValue", "StartTime is too old: events are kept for 14 days.");
  const categories = new Set(parameters.list("EventCategories", "EventCategory"));
  const events = region.events.filter(
    (event) =>
      event.at >= start &&
      event.at <= end &&
      (type === undefined || event.source === type) &&
      (identifier === undefined || event.identifier === identifier) &&
      (categories.size === 0 || categories.has(event.category)),
  );
  return pageOf(region, parameters, events, {
    list: "Events",
    member: "Event",
    key: ({ number }) => String(number).padStart(12, "0"),
    filters: {},
    describe: describeEvent,
  });
};

export const EVENT_ACTIONS: Readonly<Record<string, RdsAction>> = { DescribeEvents: describeEvents };
