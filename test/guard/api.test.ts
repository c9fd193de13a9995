/** The names that clients rely on are there with the types they have always had, and everything is described. */
import {
  buildSchema,
  type GraphQLArgument,
  type GraphQLNamedType,
  type GraphQLSchema,
  getNamedType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isIntrospectionType,
  isNonNullType,
  isObjectType,
  isSpecifiedScalarType,
  printSchema,
} from "graphql";
import { describe, expect, it } from "vitest";
import { testApp } from "../support/app.js";
import { PROMISED } from "./promised.js";

const app = testApp();

/** What a type promises, one line for each field, argument and value. */
function promisesOf(type: GraphQLNamedType): string[] {
  if (isEnumType(type)) return type.getValues().map(({ name }) => `${type.name}.${name}`);
  if (!isObjectType(type) && !isInterfaceType(type) && !isInputObjectType(type)) return [`scalar ${type.name}`];
  return Object.values(type.getFields()).flatMap((field) => [
    `${type.name}.${field.name}: ${field.type}`,
    ...("args" in field
      ? field.args.map((arg: GraphQLArgument) => `${type.name}.${field.name}(${arg.name}: ${arg.type})`)
      : []),
  ]);
}

const own = (schema: GraphQLSchema) =>
  Object.values(schema.getTypeMap()).filter((type) => !isIntrospectionType(type) && !isSpecifiedScalarType(type));
const promises = (schema: GraphQLSchema) => own(schema).flatMap(promisesOf);

function missing(promised: GraphQLSchema, schema: GraphQLSchema): string[] {
  const kept = new Set(promises(schema));
  return promises(promised).filter((promise) => !kept.has(promise));
}

/** Arguments that nobody needed before: a call that was good without them is refused now. */
function newlyRequired(promised: GraphQLSchema, schema: GraphQLSchema): string[] {
  return own(promised).flatMap((before) => {
    const now = schema.getType(before.name);
    if (isInputObjectType(before) && isInputObjectType(now)) {
      return Object.values(now.getFields())
        .filter(
          ({ name, type, defaultValue }) =>
            isNonNullType(type) && defaultValue === undefined && !before.getFields()[name],
        )
        .map(({ name }) => `${now.name}.${name}`);
    }
    if (!isObjectType(before) || !isObjectType(now)) return [];
    return Object.values(before.getFields()).flatMap((field) =>
      (now.getFields()[field.name]?.args ?? [])
        .filter(
          ({ name, type, defaultValue }) =>
            isNonNullType(type) && defaultValue === undefined && !field.args.some((arg) => arg.name === name),
        )
        .map(({ name }) => `${now.name}.${field.name}(${name})`),
    );
  });
}

/** Mutations that answer what others answer too. */
const SHARED_PAYLOADS: Record<string, string> = {
  refreshSession: "SignInPayload",
  createSnapshot: "OperationPayload",
  deleteSnapshot: "OperationPayload",
  restoreSnapshot: "OperationPayload",
  rebootInstance: "OperationPayload",
  modifyBackupWindow: "OperationPayload",
  stopInstance: "OperationPayload",
  startInstance: "OperationPayload",
  retryOperation: "OperationPayload",
  modifyInstanceClass: "OperationPayload",
  setInstanceTags: "OperationPayload",
  changeParameterGroup: "OperationPayload",
  cancelOperation: "OperationPayload",
  createSnapshots: "BulkOperationPayload",
  rebootInstances: "BulkOperationPayload",
  modifyBackupWindows: "BulkOperationPayload",
  stopInstances: "BulkOperationPayload",
  startInstances: "BulkOperationPayload",
  modifyInstanceClasses: "BulkOperationPayload",
  setTagsOfInstances: "BulkOperationPayload",
  changeParameterGroups: "BulkOperationPayload",
  retryBulkOperation: "BulkOperationPayload",
  cancelBulkOperation: "BulkOperationPayload",
};

const RULES: {
  name: string;
  explanation: string;
  offenders(schema: GraphQLSchema): string[];
  bad: string;
  caught: string[];
}[] = [
  {
    name: "every type, field, argument, input field and enum value is described",
    explanation: "The schema is the reference that clients read.",
    offenders: (schema) =>
      own(schema).flatMap((type) => {
        const fields =
          isObjectType(type) || isInterfaceType(type) || isInputObjectType(type) ? Object.values(type.getFields()) : [];
        const values = isEnumType(type) ? type.getValues() : [];
        return [
          ...(type.description ? [] : [type.name]),
          ...values.flatMap(({ name, description }) => (description ? [] : [`${type.name}.${name}`])),
          ...fields.flatMap((field) => [
            ...(field.description ? [] : [`${type.name}.${field.name}`]),
            ...(("args" in field ? field.args : []) as readonly GraphQLArgument[])
              .filter(({ description }) => !description)
              .map(({ name }) => `${type.name}.${field.name}(${name})`),
          ]),
        ];
      }),
    bad: '"T." type T { "f" f("a" a: Int b: Int): Int g: E } enum E { "A" A B } input I { "x" x: Int y: Int } type Query { "t" t("i" i: I): T }',
    caught: ["T.f(b)", "T.g", "E", "E.B", "I", "I.y", "Query"],
  },
  {
    name: "what takes the identifier of an instance for its id says so",
    explanation: "People know instances by their names.",
    offenders: (schema) =>
      own(schema).flatMap((type) => {
        const fields = isObjectType(type) || isInputObjectType(type) ? Object.values(type.getFields()) : [];
        return fields.flatMap((field) => {
          const ofInput = type.name.endsWith("Input") && field.name === "instanceId" ? [field] : [];
          const ofRow = type.name === "Query" && field.name === "instance" && "args" in field ? field.args : [];
          const given: readonly { name: string; description?: string | null }[] = [...ofInput, ...ofRow];
          return given
            .filter(({ description }) => !description?.includes("identifier"))
            .map(({ name }) => `${type.name}.${field.name}${name === field.name ? "" : `(${name})`}`);
        });
      }),
    bad: 'type Query { instance(id: ID): Int scan(id: ID): Int } input AInput { "Its identifier." instanceId: ID } input BInput { "Its id." instanceId: ID }',
    caught: ["Query.instance(id)", "BInput.instanceId"],
  },
  {
    name: "root fields are nullable",
    explanation: "One that is refused must not take the others along.",
    offenders: (schema) =>
      [schema.getQueryType(), schema.getMutationType()].flatMap((type) =>
        Object.values(type?.getFields() ?? {})
          .filter((field) => isNonNullType(field.type))
          .map(({ name }) => `${type?.name}.${name}`),
      ),
    bad: "type Query { a: Int b: Int! }",
    caught: ["Query.b"],
  },
  {
    name: "a mutation takes one argument, input, and answers a payload of its own",
    explanation:
      "Both can grow without breaking anybody. Refreshing answers what signing in answers, and every operation answers itself.",
    offenders: (schema) =>
      Object.values(schema.getMutationType()?.getFields() ?? {})
        .filter(({ name, args, type }) => {
          const own = `${name.charAt(0).toUpperCase()}${name.slice(1)}`;
          const payload = SHARED_PAYLOADS[name] ?? `${own}Payload`;
          return (
            args.length !== 1 ||
            args[0]?.name !== "input" ||
            getNamedType(args[0].type).name !== `${own}Input` ||
            `${type}` !== payload
          );
        })
        .map(({ name }) => name),
    bad: "type Query { a: Int } input AInput { x: Int } type APayload { x: Int } type Mutation { a(input: AInput!): APayload b(id: ID!): APayload c(input: AInput): APayload }",
    caught: ["b", "c"],
  },
  {
    name: "what answers a connection pages, filters and orders",
    explanation: "Every list of rows is paged; none may grow without bound.",
    offenders: (schema) =>
      own(schema).flatMap((type) =>
        (isObjectType(type) ? Object.values(type.getFields()) : [])
          .filter((field) => getNamedType(field.type).name.endsWith("Connection"))
          .filter(({ args }) => args.map(({ name }) => name).join() !== "first,after,last,before,filter,orderBy")
          .map(({ name }) => `${type.name}.${name}`),
      ),
    bad: "type XConnection { a: Int } type Query { a(first: Int): XConnection b: Int }",
    caught: ["Query.a"],
  },
  {
    name: "the types that a root field finds by id are those of the interface Node",
    explanation: "Relay fetches any of them again by its nodeId, and a cache knows it by that alone.",
    offenders: (schema) => {
      const found = Object.values(schema.getQueryType()?.getFields() ?? {})
        .filter(({ args }) => args.some(({ name }) => name === "id"))
        .map(({ type }) => getNamedType(type).name);
      const node = schema.getType("Node");
      const nodes = isInterfaceType(node) ? schema.getPossibleTypes(node).map(({ name }) => name) : [];
      return [...found.filter((name) => !nodes.includes(name)), ...nodes.filter((name) => !found.includes(name))];
    },
    bad: `interface Node { nodeId: ID! } type A { id: ID! } type B implements Node { nodeId: ID! } type C implements Node { nodeId: ID! }
      type Query { a(id: ID!): A c(id: ID!): C bs: [B] }`,
    caught: ["A", "B"],
  },
];

describe.each(RULES)("$name", ({ offenders, explanation, bad, caught }) => {
  it("holds", () => expect(offenders(app.schema), explanation).toEqual([]));
  it("catches a bad example", () => expect(offenders(buildSchema(bad))).toEqual(caught));
});

it("says an before a vowel", () => {
  expect(printSchema(app.schema).match(/\ba (?!one\b)[aeio]\w+/gi)).toBeNull();
});

describe("what is promised is kept", () => {
  const promised = buildSchema(PROMISED);

  it("every type, field, argument and value has its promised name and type", () => {
    expect(missing(promised, app.schema)).toEqual([]);
  });

  it("nothing is required that was not", () => {
    expect(newlyRequired(promised, app.schema)).toEqual([]);
  });

  it("catches what is gone, renamed, of another type, or newly required", () => {
    const before = buildSchema(
      "type Query { a(x: Int): T b: Int c: E } type T { f: Int! } enum E { A B } input I { x: Int } type Mutation { m(i: I): Int }",
    );
    const after = buildSchema(
      "type Query { a(x: Float, z: Int!): T d: Int c: E } type T { f: Int } enum E { A } input I { x: Int y: Int! } type Mutation { m(i: I): Int }",
    );
    expect(missing(before, after)).toEqual(["Query.a(x: Int)", "Query.b: Int", "T.f: Int!", "E.B"]);
    expect(newlyRequired(before, after)).toEqual(["Query.a(z)", "I.y"]);
  });
});
