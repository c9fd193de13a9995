/** An abstract query -> the text of a GraphQL operation, and the variables of its two runs. */
import {
  type GraphQLArgument,
  type GraphQLInputField,
  type GraphQLInputType,
  type GraphQLObjectType,
  type GraphQLSchema,
  getNamedType,
  getNullableType,
  isInputObjectType,
  isListType,
} from "graphql";
import {
  type Condition,
  CursorOf,
  type Field,
  type Input,
  type InputObject,
  type Item,
  isInputObject,
  Json,
  plain,
  type Query,
  type RunIndex,
  type Value,
  Word,
} from "./query.js";

/** @returns the text of the cursor of a row in the order that the arguments of a list name */
export type CursorText = (typeName: string, orderBy: unknown, row: number) => string;

export interface Operation {
  readonly text: string;
  /** The same, with a field at its end that is not planned. */
  readonly beside: string;
  /** Of the first and the second run. */
  readonly variables: readonly [Record<string, unknown>, Record<string, unknown>];
}

/** A value as a literal of GraphQL's grammar. */
function literal(value: unknown, type: GraphQLInputType): string {
  const nullable = getNullableType(type);
  if (Array.isArray(value)) {
    const item = isListType(nullable) ? nullable.ofType : nullable;
    return `[${value.map((each) => literal(each, item)).join(" ")}]`;
  }
  if (typeof value === "object" && value !== null) {
    const fields = isInputObjectType(getNamedType(type)) ? inputFieldsOf(type) : {};
    const entries = Object.entries(value).map(
      ([name, each]) => `${name}: ${literal(each, fields[name]?.type ?? type)}`,
    );
    return `{${entries.join(" ")}}`;
  }
  return typeof value === "string" && "getValues" in getNamedType(type) ? value : JSON.stringify(value);
}

function inputFieldsOf(type: GraphQLInputType): Record<string, GraphQLInputField> {
  const named = getNamedType(type);
  return isInputObjectType(named) ? named.getFields() : {};
}

class Writer {
  readonly variables: [Record<string, unknown>, Record<string, unknown>] = [{}, {}];
  readonly definitions: string[] = [];
  /** Names of variables and fragments, by what they hold: equal ones are written once. */
  readonly #names = new Map<string, string>();
  readonly #fragments = new Map<string, string>();

  constructor(
    private readonly schema: GraphQLSchema,
    private readonly cursorText: CursorText,
  ) {}

  input(input: Input, { type, defaultValue }: Pick<GraphQLInputField, "type" | "defaultValue">): string {
    if (input.as === "literal") return this.#value(input.value, type);
    // Where the place has a default, a variable without a value is fine.
    const declared = defaultValue === undefined ? String(type) : String(getNullableType(type));
    const values = ([0, 1] as const).map((run) => this.#given(input, run));
    const byDefault = input.as === "default" ? ` = ${literal(plain(input, 0), type)}` : "";
    const definition = `${declared}${byDefault}`;
    const known = `${definition} ${JSON.stringify(values.map((value) => (value === undefined ? [] : [value])))}`;
    let name = this.#names.get(known);
    if (!name) {
      name = `v${this.#names.size}`;
      this.#names.set(known, name);
      this.definitions.push(`$${name}: ${definition}`);
      for (const [run, value] of values.entries()) if (value !== undefined) this.variables[run]![name] = value;
    }
    return `$${name}`;
  }

  #given(input: Input, run: RunIndex): unknown {
    const absent = input.as === "default" && (run === 0 || input.again === undefined);
    return absent ? undefined : plain(input, run);
  }

  #value(value: Value | undefined, type: GraphQLInputType): string {
    if (Array.isArray(value)) {
      const list = getNullableType(type);
      const item = isListType(list) ? (list.ofType as GraphQLInputType) : type;
      return `[${value.map((each: Input) => this.input(each, { type: item, defaultValue: undefined })).join(" ")}]`;
    }
    if (isInputObject(value)) {
      const fields = inputFieldsOf(type);
      return `{${Object.entries(value)
        .map(([name, each]) => `${name}: ${this.input(each, fields[name] as GraphQLInputField)}`)
        .join(" ")}}`;
    }
    if (value instanceof Word) return value.text;
    return literal(value instanceof Json ? value.value : value, type);
  }

  #conditions(conditions: readonly Condition[]): string {
    const type = this.schema.getDirective("include")?.args[0]?.type as GraphQLInputType;
    return conditions
      .map((each) => ` @${each.directive}(if: ${this.input(each.if, { type, defaultValue: undefined })})`)
      .join("");
  }

  /** The arguments with the texts of cursors in them. */
  #withCursors(args: InputObject, typeName: string): InputObject {
    const text = (value: Value | undefined, run: RunIndex): Value | undefined =>
      value instanceof CursorOf
        ? this.cursorText(typeName, args.orderBy && plain(args.orderBy, run), value.row)
        : value;
    const replaced = Object.entries(args).map(([name, input]) => [
      name,
      { ...input, value: text(input.value, 0), again: text(input.again, 1) },
    ]);
    return Object.fromEntries(replaced);
  }

  #field(field: Field, parent: GraphQLObjectType): string {
    const alias = field.key === field.name ? "" : `${field.key}: `;
    if (field.name === "__typename") return `${alias}__typename${this.#conditions(field.conditions)}`;
    const definition = parent.getFields()[field.name];
    if (!definition) throw new Error(`${parent.name} has no field ${field.name}`);
    const type = getNamedType(definition.type) as GraphQLObjectType;
    const args = Object.entries(this.#withCursors(field.args, type.name.replace(/Connection$/, ""))).map(
      ([name, input]) => {
        const argument = definition.args.find((each) => each.name === name) as GraphQLArgument;
        return `${name}: ${this.input(input, argument)}`;
      },
    );
    const given = args.length ? `(${args.join(", ")})` : "";
    const selection = field.below.length ? ` ${this.selection(field.below, type)}` : "";
    return `${alias}${field.name}${given}${this.#conditions(field.conditions)}${selection}`;
  }

  selection(items: readonly Item[], parent: GraphQLObjectType): string {
    const written = items.map((item) => {
      if (item.kind === "field") return this.#field(item, parent);
      const conditions = this.#conditions(item.conditions);
      const inner = this.selection(item.items, parent);
      if (item.as === "inline") return `...${conditions} ${inner}`;
      if (item.as === "typed") return `... on ${parent.name}${conditions} ${inner}`;
      if (item.as === "node") {
        const other = parent.name === "User" ? "Scan" : "User";
        return `... on Node${conditions} { ... on ${parent.name} ${inner} ... on ${other} { other: __typename } }`;
      }
      const body = `on ${parent.name} ${inner}`;
      const name = this.#fragments.get(body) ?? `F${this.#fragments.size}`;
      this.#fragments.set(body, name);
      const spread = `...${name}${conditions}`;
      return item.as === "twice" ? `${spread} ${spread}` : spread;
    });
    return `{ ${written.join(" ")} }`;
  }

  fragments(): string {
    return [...this.#fragments].map(([body, name]) => ` fragment ${name} ${body}`).join("");
  }
}

/** Asked for beside planned fields, it makes the whole operation take the ordinary path. */
const UNPLANNED = "viewer { role }";

/** @returns the operation that asks what the query says */
export function write(schema: GraphQLSchema, query: Query, cursorText: CursorText): Operation {
  const writer = new Writer(schema, cursorText);
  const selection = writer.selection(query.items, schema.getQueryType()!).slice(0, -1);
  const head = writer.definitions.length ? `query(${writer.definitions.join(", ")})` : "query";
  const textWith = (more: string) => `${head} ${selection}${more}}${writer.fragments()}`;
  return { text: textWith(""), beside: textWith(UNPLANNED), variables: writer.variables };
}
