/** The permission map and the schema name the same root fields, and whatever the map does not name is refused. */
import {
  buildSchema,
  type GraphQLInputObjectType,
  type GraphQLSchema,
  getNamedType,
  graphql,
  parse,
  subscribe,
} from "graphql";
import { describe, expect, it } from "vitest";
import { accessOfActor } from "../../src/auth/actor.js";
import type { RequestContext } from "../../src/graphql/context.js";
import type { Middleware } from "../../src/graphql/doors.js";
import { schemaBehindDoors } from "../../src/graphql/schema.js";
import { testApp } from "../support/app.js";

const app = testApp();

const ROOTS = ["Query", "Mutation", "Subscription"] as const;
type Maps = Record<(typeof ROOTS)[number], readonly string[]>;

const RULES = [
  {
    name: "every root field is in the permission map",
    explanation: "One that is not is refused to everybody; its module says who may call it.",
    offenders: (schema: GraphQLSchema, maps: Maps) => differences(rootFieldsOf(schema), maps),
    example: "Query.unmapped",
  },
  {
    name: "the permission map names root fields only",
    explanation: "An entry without a field is a mistyped name, or what is left of a field that is gone.",
    offenders: (schema: GraphQLSchema, maps: Maps) => differences(maps, rootFieldsOf(schema)),
    example: "Mutation.gone",
  },
] as const;

const rootFieldsOf = (schema: GraphQLSchema): Maps => ({
  Query: Object.keys(schema.getQueryType()?.getFields() ?? {}),
  Mutation: Object.keys(schema.getMutationType()?.getFields() ?? {}),
  Subscription: Object.keys(schema.getSubscriptionType()?.getFields() ?? {}),
});

const differences = (all: Maps, without: Maps) =>
  ROOTS.flatMap((type) => all[type].filter((name) => !without[type].includes(name)).map((name) => `${type}.${name}`));

const BAD = buildSchema("type Query { viewer: Int unmapped: Int } type Mutation { signIn: Int }");
const BAD_MAPS: Maps = { Query: ["viewer"], Mutation: ["signIn", "gone"], Subscription: [] };

describe.each(RULES)("$name", ({ offenders, example, explanation }) => {
  it("holds", () => {
    const { queries, mutations, subscriptions } = app.access;
    const maps = {
      Query: Object.keys(queries),
      Mutation: Object.keys(mutations),
      Subscription: Object.keys(subscriptions),
    };
    expect(offenders(app.schema, maps), explanation).toEqual([]);
  });
  it("catches a bad example", () => expect(offenders(BAD, BAD_MAPS)).toEqual([example]));
});

const access = accessOfActor({
  kind: "user",
  userId: "1",
  email: "a@a.example",
  role: "ADMIN",
  organizationId: null,
  sessionId: "s",
  expiresAt: "2030-01-01T00:00:00Z",
  sessionExpiresAt: "2030-01-01T00:00:00Z",
});
const context = {
  actor: { kind: "user", role: "ADMIN" },
  access,
  answerAs: () => undefined,
} as unknown as RequestContext;

describe("what the map does not name is refused even to an administrator, and never resolved", () => {
  it.each(["query", "mutation"])("as a %s", async (operation) => {
    const resolved: string[] = [];
    const fields = (map: object) => [...Object.keys(map), "unmapped"].map((name) => `${name}: Int`).join(" ");
    const bare = buildSchema(
      `type Query { ${fields(app.access.queries)} } type Mutation { ${fields(app.access.mutations)} }
      type Subscription { ${fields(app.access.subscriptions)} }`,
    );
    for (const type of [bare.getQueryType(), bare.getMutationType()]) {
      for (const field of Object.values(type?.getFields() ?? {})) {
        field.resolve = () => {
          resolved.push(field.name);
          return 1;
        };
      }
    }
    const recorder: Middleware = async (resolve, parent, args, given, info) => {
      const result = await resolve(parent, args, given, info);
      if (result instanceof Error) throw result;
      return result;
    };
    const { schema } = schemaBehindDoors(bare, app.access, recorder, () => undefined);
    const known = operation === "query" ? "viewer" : "signIn";
    const { data, errors } = await graphql({
      schema,
      source: `${operation} { unmapped ${known} }`,
      contextValue: context,
    });
    expect(data).toEqual({ unmapped: null, [known]: 1 });
    expect(errors?.map(({ path, extensions }) => [path, extensions.code])).toEqual([[["unmapped"], "FORBIDDEN"]]);
    expect(resolved).toEqual([known]);
  });
});

it("so are subscriptions, before they begin", async () => {
  const names = [...Object.keys(app.access.subscriptions), "unmapped"];
  const bare = buildSchema(
    `type Query { ${Object.keys(app.access.queries).join(": Int ")}: Int }
    type Mutation { ${Object.keys(app.access.mutations).join(": Int ")}: Int }
    type Subscription { ${names.map((name) => `${name}: Int`).join(" ")} }`,
  );
  const begun: string[] = [];
  for (const field of Object.values(bare.getSubscriptionType()?.getFields() ?? {})) {
    field.subscribe = async function* () {
      begun.push(field.name);
      yield { [field.name]: 1 };
    };
  }
  const recorder: Middleware = async (resolve, parent, args, given, info) => {
    const result = await resolve(parent, args, given, info);
    if (result instanceof Error) throw result;
    return result;
  };
  const { schema } = schemaBehindDoors(bare, app.access, recorder, () => undefined);
  for (const name of names) {
    const begin = await subscribe({ schema, document: parse(`subscription { ${name} }`), contextValue: context });
    if ("errors" in begin) expect([name, begin.errors?.[0]?.extensions.code]).toEqual(["unmapped", "FORBIDDEN"]);
    else expect((await (begin as AsyncGenerator).next()).value).toEqual({ data: { [name]: 1 } });
  }
  expect(begun).toEqual(Object.keys(app.access.subscriptions));
});

describe("the environment door", () => {
  /** Mutations that answer the operation they request: of an instance, or of the instance of an operation, as an argument names it. */
  const requests = () =>
    Object.values(app.schema.getMutationType()?.getFields() ?? {}).flatMap(({ name, type, args }) => {
      if (getNamedType(type).name !== "OperationPayload" || name === "cancelOperation") return [];
      const fields = (getNamedType(args[0]!.type) as GraphQLInputObjectType).getFields();
      return [{ name, by: "instanceId" in fields ? "instanceId" : "operationId" }];
    });

  it("knows what requests operations", () => {
    expect(
      requests()
        .map(({ name }) => name)
        .sort(),
    ).toEqual([
      ...[
        "changeParameterGroup",
        "createSnapshot",
        "deleteSnapshot",
        "modifyBackupWindow",
        "modifyInstanceClass",
        "rebootInstance",
        "restoreSnapshot",
      ],
      ...["retryOperation", "setInstanceTags", "startInstance", "stopInstance"],
    ]);
  });

  it.each(["PRODUCTION", "TEST", null])("stands before each of them: %s", async (environment) => {
    const asking = requests();
    const names = asking.map(({ name }) => name);
    const resolved: string[] = [];
    const bare = buildSchema(
      `type Query { ${Object.keys(app.access.queries)
        .map((name) => `${name}: Int`)
        .join(" ")} } input I { instanceId: ID, operationId: ID } type Mutation { ${Object.keys(app.access.mutations)
        .map((name) => `${name}(input: I): Int`)
        .join(" ")} } type Subscription { ${Object.keys(app.access.subscriptions)
        .map((name) => `${name}: Int`)
        .join(" ")} }`,
    );
    for (const field of Object.values(bare.getMutationType()?.getFields() ?? {})) {
      field.resolve = () => {
        resolved.push(field.name);
        return 1;
      };
    }
    const recorder: Middleware = async (resolve, parent, args, given, info) => {
      const result = await resolve(parent, args, given, info);
      if (result instanceof Error) throw result;
      return result;
    };
    const { schema } = schemaBehindDoors(bare, app.access, recorder, () => undefined);
    const asked: string[] = [];
    const contextValue = {
      actor: { kind: "user", role: "ADMIN" },
      access,
      answerAs: () => undefined,
      environmentOf: async (by: string, id: string) => {
        asked.push(`${by} ${id}`);
        return environment;
      },
    } as unknown as RequestContext;
    const source = `mutation { ${asking.map(({ name, by }, index) => `${name}(input: { ${by}: "${index}" })`).join(" ")} }`;
    const { errors } = await graphql({ schema, source, contextValue });
    // Each of its own instance: what one argument was answered counts for no other.
    expect(asked).toEqual(asking.map(({ by }, index) => `${by} ${index}`));
    const refused = environment === "PRODUCTION";
    expect(errors?.map(({ path, extensions }) => [path?.[0], extensions.code])).toEqual(
      refused ? names.map((name) => [name, "PRODUCTION_PROTECTED"]) : undefined,
    );
    expect(resolved).toEqual(refused ? [] : names);
  });

  it("what is refused there is recorded as refused", () => {
    for (const { name } of requests()) {
      expect([app.access.actionOf(name), app.access.failureOf(name)]).toEqual([
        "operation.requested",
        "operation.refused",
      ]);
    }
    expect([app.access.actionOf("cancelOperation"), app.access.failureOf("cancelOperation")]).toEqual([
      "operation.cancel",
      "operation.cancel",
    ]);
  });
});
