/** Lists in pages, as every Describe action does: filters, MaxRecords, Marker. */
import { invalidValue } from "./aws-fault.js";
import type { CallParameters } from "./call-parameters.js";
import type { Region } from "./region.js";
import { XmlList, type XmlObject } from "./xml.js";

interface Listing<T> {
  /** What the answer calls the list, and each of its items. */
  readonly list: string;
  readonly member: string;
  /** In this order they are listed; it is unique. */
  readonly key: (item: T) => string;
  /** What each filter compares. */
  readonly filters: Readonly<Record<string, (item: T) => string | null>>;
  readonly describe: (region: Region, item: T) => XmlObject;
}

function filterOf<T>(region: Region, parameters: CallParameters, filters: Listing<T>["filters"]) {
  const arn = new RegExp(`^arn:aws:rds:${region.name}:${region.account}:[a-z-]+:`);
  const wanted = parameters.groups("Filters", "Filter").map((filter) => {
    const name = filter.required("Name");
    const compared = Object.hasOwn(filters, name) ? filters[name] : undefined;
    if (!compared) throw invalidValue(`Unrecognized filter name: ${name}`);
    const values = filter.list("Values", "Value").map((value) => value.toLowerCase().replace(arn, ""));
    if (values.length === 0) throw invalidValue(`The filter ${name} needs values.`);
    return { compared, values: new Set(values) };
  });
  return (item: T) => wanted.every(({ compared, values }) => values.has(compared(item)?.toLowerCase() ?? ""));
}

/** @returns the page that is asked for @throws InvalidParameterValue */
export function pageOf<T>(
  region: Region,
  parameters: CallParameters,
  items: Iterable<T>,
  { list, member, key, filters, describe }: Listing<T>,
): XmlObject {
  const size = parameters.whole("MaxRecords") ?? 100;
  if (size < 20 || size > 100) throw invalidValue(`Invalid value ${size} for MaxRecords. Must be between 20 and 100`);
  const marker = parameters.text("Marker");
  const after = marker === undefined ? "" : Buffer.from(marker, "base64url").toString();
  if (marker !== undefined && (after === "" || Buffer.from(after).toString("base64url") !== marker))
    throw invalidValue("Invalid value for Marker: it comes from the page before.");
  const isWanted = filterOf(region, parameters, filters);
  const rest = [...items]
    .filter((item) => key(item) > after && isWanted(item))
    .sort((one, other) => (key(one) < key(other) ? -1 : 1));
  const page = rest.slice(0, size);
  const last = page.at(-1);
  return {
    Marker: last !== undefined && rest.length > size ? Buffer.from(key(last)).toString("base64url") : null,
    [list]: new XmlList(
      member,
      page.map((item) => describe(region, item)),
    ),
  };
}
