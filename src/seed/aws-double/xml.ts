/** Writes the answers of the query protocol. */
import type { AwsFault } from "./aws-fault.js";

/** A list, whose items have the same name. */
export class XmlList {
  constructor(
    readonly member: string,
    readonly items: readonly XmlValue[],
  ) {}
}

/** What is null or undefined is left out. */
export type XmlValue = string | number | boolean | Date | XmlList | XmlObject | null | undefined;
export interface XmlObject {
  readonly [name: string]: XmlValue;
}

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
/** What XML 1.0 cannot hold, even as a reference. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters that are meant
const UNUSABLE = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g;
const escaped = (text: string) =>
  text
    .toWellFormed()
    .replace(UNUSABLE, "\ufffd")
    .replace(/[&<>"]/g, (character) => ENTITIES[character]!)
    .replace(/[\t\n\r]/g, (character) => `&#${character.charCodeAt(0)};`);

function xmlElement(name: string, value: XmlValue): string {
  if (value === null || value === undefined) return "";
  const content =
    value instanceof XmlList
      ? value.items.map((item) => xmlElement(value.member, item)).join("")
      : value instanceof Date
        ? value.toISOString()
        : typeof value === "object"
          ? xmlElements(value)
          : escaped(String(value));
  return content === "" ? `<${name}/>` : `<${name}>${content}</${name}>`;
}

const xmlElements = (values: XmlObject) =>
  Object.entries(values)
    .map(([name, value]) => xmlElement(name, value))
    .join("");

const XML_NAMESPACES = {
  rds: "http://rds.amazonaws.com/doc/2014-10-31/",
  sts: "https://sts.amazonaws.com/doc/2011-06-15/",
} as const;
export type ServiceName = keyof typeof XML_NAMESPACES;

/** @param result null where the action answers nothing */
export function xmlAnswer(service: ServiceName, action: string, result: XmlObject | null, requestId: string): string {
  const content = `${xmlElement(`${action}Result`, result)}${xmlElement("ResponseMetadata", { RequestId: requestId })}`;
  return `<${action}Response xmlns="${XML_NAMESPACES[service]}">${content}</${action}Response>`;
}

export function xmlFault(service: ServiceName, { code, message, status }: AwsFault, requestId: string): string {
  const error = { Type: status < 500 ? "Sender" : "Receiver", Code: code, Message: message };
  const content = xmlElements({ Error: error, RequestId: requestId });
  return `<ErrorResponse xmlns="${XML_NAMESPACES[service]}">${content}</ErrorResponse>`;
}
