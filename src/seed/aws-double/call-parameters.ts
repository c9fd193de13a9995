/** Reads the parameters of a call of the query protocol: a form, in which lists and structures have numbered names. */
import { AwsFault, invalidValue } from "./aws-fault.js";

const MAX_MEMBERS = 1000;
const MOMENT = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?$/;

export interface CallParameters {
  /** The first parts of all names. */
  readonly names: readonly string[];
  /** @returns the text, or undefined where it is absent or empty */
  text(name: string): string | undefined;
  /** @throws MissingParameter */
  required(name: string): string;
  /** @throws InvalidParameterValue where it is neither true nor false */
  flag(name: string): boolean | undefined;
  /** @throws InvalidParameterValue where it is no whole number */
  whole(name: string): number | undefined;
  /** @returns the moment in milliseconds @throws InvalidParameterValue */
  moment(name: string): number | undefined;
  /** @param member the name of each item, such as `Tag`; `member` is understood too */
  list(name: string, member: string): readonly string[];
  /** @returns the structures of a list */
  groups(name: string, member: string): readonly CallParameters[];
}

/** @param values texts by name @param prefix the part of their names that comes before these */
export function createCallParameters(values: ReadonlyMap<string, string>, prefix = ""): CallParameters {
  const own = [...values.keys()].filter((key) => key.startsWith(prefix));
  const text = (name: string) => values.get(prefix + name) || undefined;

  /** @returns the numbered prefixes of a list, in their order */
  const numbered = (name: string, member: string) => {
    for (const item of [member, "member"]) {
      const start = `${prefix}${name}.${item}.`;
      const numbers = own.filter((key) => key.startsWith(start)).map((key) => /^\d{1,6}/.exec(key.slice(start.length)));
      const distinct = [...new Set(numbers.flatMap((number) => number?.map(Number) ?? []))].sort((a, b) => a - b);
      if (distinct.length > MAX_MEMBERS) throw invalidValue(`${name} has more than ${MAX_MEMBERS} members.`);
      if (distinct.length > 0) return distinct.map((number) => `${start}${number}`);
    }
    return [];
  };

  return {
    names: [...new Set(own.map((key) => key.slice(prefix.length).split(".")[0]!))],
    text,
    required(name) {
      const value = text(name);
      if (value !== undefined) return value;
      throw new AwsFault("MissingParameter", `The request must contain the parameter ${name}.`);
    },
    flag(name) {
      const value = text(name);
      if (value === undefined) return undefined;
      if (!/^(true|false)$/i.test(value)) throw invalidValue(`Invalid value for ${name}: it must be true or false.`);
      return value.toLowerCase() === "true";
    },
    whole(name) {
      const value = text(name);
      if (value === undefined) return undefined;
      if (!/^-?\d{1,9}$/.test(value)) throw invalidValue(`Invalid value for ${name}: it must be a whole number.`);
      return Number(value);
    },
    moment(name) {
      const value = text(name);
      if (value === undefined) return undefined;
      const moment = MOMENT.test(value) ? Date.parse(value) : Number.NaN;
      if (Number.isNaN(moment)) throw invalidValue(`Invalid value for ${name}: it must be a date as in ISO 8601.`);
      return moment;
    },
    list: (name, member) => numbered(name, member).flatMap((key) => values.get(key) ?? []),
    groups: (name, member) => numbered(name, member).map((start) => createCallParameters(values, `${start}.`)),
  };
}
