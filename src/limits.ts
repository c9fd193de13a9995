/** Limits on what one request may ask for. Public promises: clients rely on them, so no variable changes them. */
export const LIMITS = {
  bodyBytes: 1_048_576,
  documentBytes: 65_536,
  tokens: 2000,
  /** Characters of a name in a document: of an alias, an operation, a fragment, a variable, a field. */
  nameCharacters: 100,
  depth: 12,
  aliases: 30,
  /** Of an operation that asks of the schema: types by name, and aliases. */
  schemaTypes: 10,
  schemaAliases: 10,
  rootFields: 20,
  /** Of one document: fragments, directives, and selections with every fragment expanded wherever it is spread. */
  fragments: 50,
  directives: 100,
  selections: 5000,
  /** Pairs of fields that stand for one field of the answer: validation compares them all. */
  repeats: 5000,
  defaultPageSize: 20,
  maxPageSize: 100,
  /** Groups of rows where a query does not say how many, and at most. */
  defaultGroups: 100,
  maxGroups: 1000,
  /** Objects that one request may answer at most, by the sizes of its pages. */
  maxObjects: 50_000,
  /** Logs of members that one request may read, and lines of a log where a query does not say how many, and at most. */
  logs: 20,
  defaultLogLines: 50,
  maxLogLines: 200,
  answerBytes: 16 * 1_048_576,
  /** Conditions of one filter. */
  maxConditions: 100,
  maxFilterDepth: 10,
  /** Characters of what `contains`, `startsWith` and `endsWith` look for. */
  partCharacters: 1000,
  /** Characters of any other text in a filter, and of its JSON, where the field has no length of its own. */
  valueCharacters: 2048,
  /** Bytes of all texts in the filters of one request. */
  filterBytes: 65_536,
  /** Values in the variables of a request, at any depth, and how deep. */
  variableValues: 20_000,
  variableDepth: 64,
} as const;

export type RequestLimits = typeof LIMITS;
