/** The limits of one request. Clients rely on them, so no variable changes them. */
export const LIMITS = {
  bodyBytes: 1_048_576,
  documentBytes: 65_536,
  tokens: 2000,
  /** Characters of one name in a document: an alias, operation, fragment, variable or field. */
  nameCharacters: 100,
  depth: 12,
  aliases: 30,
  /** Types by name, and aliases, in an operation that reads the schema. */
  schemaTypes: 10,
  schemaAliases: 10,
  rootFields: 20,
  /** Fragments, directives and selections of one document; selections count each fragment wherever it is spread. */
  fragments: 50,
  directives: 100,
  selections: 5000,
  /** Pairs of fields with the same place in the answer, which validation compares one by one. */
  repeats: 5000,
  defaultPageSize: 20,
  maxPageSize: 100,
  /** Groups of rows: the default, and the maximum. */
  defaultGroups: 100,
  maxGroups: 1000,
  /** Objects in one answer, counted by the sizes of its pages. */
  maxObjects: 50_000,
  /** Member logs that one request may read. */
  logs: 20,
  /** Lines of a log: the default, and the maximum. */
  defaultLogLines: 50,
  maxLogLines: 200,
  answerBytes: 16 * 1_048_576,
  /** Conditions in one filter. */
  maxConditions: 100,
  maxFilterDepth: 10,
  /** Characters of a text that `contains`, `startsWith` or `endsWith` looks for. */
  partCharacters: 1000,
  /** Characters of any other text or JSON in a filter, unless the field has a length of its own. */
  valueCharacters: 2048,
  /** Bytes of all texts in the filters of one request. */
  filterBytes: 65_536,
  /** Values in the variables of a request, at all depths together, and their depth. */
  variableValues: 20_000,
  variableDepth: 64,
} as const;

export type RequestLimits = typeof LIMITS;
