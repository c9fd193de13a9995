/** Defines the scalars DateTime and JSON. */
import { GraphQLError, GraphQLScalarType, Kind, type ValueNode } from "graphql";
import { limitExceeded } from "../../errors.js";

/** The error with which a scalar refuses a value. Its message is ours and holds no value of the request, so that clients may read it. */
export class ScalarError extends GraphQLError {
  /** @param node the value in the document */
  constructor(message: string, node?: ValueNode) {
    super(message, { nodes: node });
  }
}

const MOMENT = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(Z|[+-](\d\d):(\d\d))$/;

/** PostgreSQL keeps microseconds. Nanoseconds are accepted where their last digits are zeros, so that nothing is lost. */
const FRACTION = /^\d{1,6}0{0,3}$/;

/** PostgreSQL refuses offsets beyond this. */
const MAX_ZONE_HOURS = 15;

const EXAMPLE = "such as 2026-11-21T08:30:00Z";

/** @returns why a text in capitals is no moment that can be stored and answered, or undefined */
function faultOfMoment(text: string): string | undefined {
  const parts = MOMENT.exec(text);
  if (!parts) {
    if (/^\d{4}-\d\d-\d\d$/.test(text)) return `Give the time of day and the zone too, ${EXAMPLE}.`;
    if (MOMENT.test(`${text}Z`)) return `Say the zone: Z for UTC, or an offset such as +02:00.`;
    if (MOMENT.test(text.replace(" ", "T"))) return `Put a T between the date and the time, ${EXAMPLE}.`;
    return `Give a moment as RFC 3339, ${EXAMPLE}.`;
  }
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts.slice(1, 7).map(Number);
  const [fraction = "0", , zoneHours = "0", zoneMinutes = "0"] = parts.slice(7);
  if (month < 1 || month > 12) return "A month is 01 to 12.";
  // Day 0 of the next month is the last of this one. The calendar repeats every 400 years, and JavaScript misreads years below 100.
  const days = new Date(Date.UTC(2000 + (year % 400), month, 0)).getUTCDate();
  if (day < 1 || day > days) return `This month has the days 01 to ${days}.`;
  if (hour > 23) return "An hour is 00 to 23.";
  if (minute > 59) return "A minute is 00 to 59.";
  if (second === 60) return "Leap seconds cannot be kept: a second is 00 to 59.";
  if (second > 59) return "A second is 00 to 59.";
  if (!FRACTION.test(fraction)) return "Give at most microseconds: 6 digits after the point.";
  if (Number(zoneHours) > MAX_ZONE_HOURS || Number(zoneMinutes) > 59) return "An offset is at most 15:59.";
  const inUtc = new Date(text.replace(/\.\d+/, "")).getUTCFullYear();
  // The answer is in UTC, where the year must still have four digits.
  if (year < 1 || !(inUtc >= 1 && inUtc <= 9999)) return "In UTC the year is 0001 to 9999.";
  return undefined;
}

function parseMoment(value: unknown, node?: ValueNode): string {
  if (typeof value !== "string") throw new ScalarError(`Give a moment as a text, ${EXAMPLE}.`, node);
  const text = value.toUpperCase();
  const fault = faultOfMoment(text);
  if (fault) throw new ScalarError(fault, node);
  return text;
}

/** A moment as a string on its way in and out, because a JavaScript Date would drop its microseconds. */
export const DateTime = new GraphQLScalarType<string, unknown>({
  name: "DateTime",
  description:
    "A moment as RFC 3339 with at most microseconds, answered in UTC, such as `2026-11-21T08:30:00.000000Z`.",
  specifiedByURL: "https://scalars.graphql.org/andimarek/date-time",
  serialize: (value) => (value instanceof Date ? value.toISOString() : value),
  parseValue: (value) => parseMoment(value),
  parseLiteral: (node) => parseMoment(node.kind === Kind.STRING ? node.value : undefined, node),
});

/** JSON in a document may nest as deep as in variables. */
const MAX_JSON_DEPTH = 64;

/** The message about a whole number that JavaScript would round. */
export const INEXACT_SCALAR = "A whole number beyond 2^53 would not be kept exactly: write it as a text, in quotes.";

type Variables = Readonly<Record<string, unknown>> | null | undefined;

/** Marks rounded numbers in a variable of another type than JSON: their digits are lost by now. */
function markInexact(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(markInexact);
  return Number.isInteger(value) && !Number.isSafeInteger(value) ? Symbol(INEXACT_SCALAR) : value;
}

/**
 * Returns the value of a JSON literal. What it cannot hold becomes a symbol with the reason, and `requireWellFormed` refuses that later,
 * because graphql-js hides what a scalar throws during execution.
 * @param variables null while the document is validated
 */
function jsonOf(node: ValueNode, variables: Variables, depth = 1): unknown {
  if (depth > MAX_JSON_DEPTH) {
    throw limitExceeded("json", `Nest JSON at most ${MAX_JSON_DEPTH} deep.`);
  }
  switch (node.kind) {
    case Kind.OBJECT:
      // The object has a prototype, as those of JSON.parse have. A key such as __proto__ is a key like any other.
      return Object.fromEntries(
        node.fields.map(({ name, value }) => [name.value, jsonOf(value, variables, depth + 1)]),
      );
    case Kind.LIST:
      return node.values.map((value) => jsonOf(value, variables, depth + 1));
    case Kind.VARIABLE: {
      const value = variables && Object.hasOwn(variables, node.name.value) ? variables[node.name.value] : undefined;
      if (value === undefined)
        return Symbol(`Give the variable \`$${node.name.value}\`: nothing stands here without it.`);
      return markInexact(value);
    }
    case Kind.INT:
      if (!Number.isSafeInteger(Number(node.value))) throw new ScalarError(INEXACT_SCALAR, node);
      return Number(node.value);
    case Kind.FLOAT:
      return Number(node.value);
    case Kind.NULL:
      return null;
    case Kind.ENUM:
      throw new ScalarError("A bare word is no JSON: put it in quotes.", node);
    default:
      return node.value;
  }
}

/** Any JSON value. */
export const JSONScalar = new GraphQLScalarType<unknown, unknown>({
  name: "JSON",
  description: "Any JSON. In a document it is written as GraphQL writes objects and lists; variables may stand in it.",
  specifiedByURL: "http://www.ecma-international.org/publications/files/ECMA-ST/ECMA-404.pdf",
  parseValue: (value) => value,
  parseLiteral: (node, variables) => jsonOf(node, variables),
});
