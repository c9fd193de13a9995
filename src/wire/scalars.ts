/** The scalars beyond GraphQL's own. */
import { GraphQLScalarType } from "graphql";
import { GraphQLDateTime, GraphQLJSON } from "graphql-scalars";

/** RFC 3339 with four-digit years and zones below 16 hours, which is what PostgreSQL and JavaScript read alike. */
const MOMENT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?(Z|[+-](0\d|1[0-5]):[0-5]\d)$/;

function parseMoment(value: unknown): string {
  if (isMoment(value)) return value;
  // Not the library's GraphQLError, which validation would report without a place in the document.
  throw new TypeError("DateTime is RFC 3339 with at most microseconds, such as 2026-11-21T08:30:00Z");
}

/** In UTC, which is how it is answered, its year still has four digits. */
function isAnswerable(moment: string): boolean {
  const year = new Date(moment).getUTCFullYear();
  return year >= 1 && year <= 9999;
}

/** @returns whether a value is a moment that PostgreSQL takes */
function isMoment(value: unknown): value is string {
  if (typeof value !== "string" || !MOMENT.test(value)) return false;
  try {
    GraphQLDateTime.parseValue(value);
  } catch {
    return false;
  }
  return isAnswerable(value);
}

/**
 * A moment stays a string on its way in and out, because a JavaScript Date would drop its microseconds.
 * graphql-scalars decides what a moment is; the rule above adds what PostgreSQL needs.
 */
export const DateTime = new GraphQLScalarType<string, unknown>({
  name: "DateTime",
  description: "A moment as RFC 3339, answered in UTC, such as `2026-11-21T08:30:00.000000Z`.",
  specifiedByURL: "https://scalars.graphql.org/andimarek/date-time",
  serialize: (value) => (value instanceof Date ? value.toISOString() : value),
  parseValue: parseMoment,
  parseLiteral(node) {
    if (node.kind !== "StringValue") throw new TypeError("DateTime is a string");
    return parseMoment(node.value);
  },
});

export const JSONScalar = GraphQLJSON;
