/** Makes type-graphql resolvers of mutations: one for all root fields, and one for each payload that holds rows. */
import type { GraphQLResolveInfo } from "graphql";
import {
  Arg,
  type ClassType,
  createParameterDecorator,
  Extensions,
  Mutation,
  ObjectType,
  Resolver,
} from "type-graphql";
import type { Call } from "../../audit/call.js";
import { notFound } from "../../errors.js";
import { shownOf } from "../../values/inputs.js";
import { singularOf } from "../declaration.js";
import {
  MUTATION_IS_ALONE,
  MUTATION_RETURNS_ROWS,
  MutationParent,
  type MutationPayload,
  type MutationPayloadField,
  type MutationRequest,
  type MutationReturn,
  type Mutation as MutationValue,
  mutationIdsOf,
} from "../mutation.js";
import { CurrentCall } from "./current-call.js";
import { addFieldResolver } from "./field-resolver.js";
import { inputType } from "./input-type.js";
import { addTypeField, objectType, typeOnce } from "./object-type.js";
import type { ReadContext } from "./read-resolver.js";

const CurrentRequest = () =>
  createParameterDecorator<Pick<MutationRequest, "answerAs">>(
    ({ root, context }): MutationRequest => ({
      returning: root instanceof MutationParent ? root.returning : undefined,
      answerAs: (actor) => context.answerAs(actor),
    }),
  );

function typeOf(field: MutationPayloadField): object {
  if ("row" in field) return objectType(field.row);
  return "rows" in field ? [objectType(field.rows)] : field.value;
}

const isPayload = (payload: MutationValue["payload"]): payload is MutationPayload => typeof payload === "object";

const payloadType = ({ name, description, fields }: MutationPayload): ClassType =>
  typeOnce(name, (target) => {
    ObjectType(name, { description })(target);
    for (const [field, value] of Object.entries(fields)) {
      const type = typeOf(value);
      addTypeField(target, field, () => type, value.description, value.nullable ?? false);
    }
  });

/** @returns a resolver of a payload's rows: it reads the rows whose ids the mutation returned */
function payloadResolver(payload: MutationPayload): object {
  @Resolver(() => payloadType(payload))
  class PayloadResolver {}
  for (const [name, field] of Object.entries(payload.fields)) {
    if ("value" in field) continue;
    const type = "row" in field ? field.row : field.rows;
    const read = async (
      parent: Record<string, MutationReturn | null>,
      { reads }: ReadContext,
      info: GraphQLResolveInfo,
    ) => {
      const returned = parent[name];
      if (!returned && field.nullable) return null;
      const ids = mutationIdsOf(returned as MutationReturn);
      const row = await (typeof ids === "string" ? reads.row(type, ids, info) : reads.rows(type, ids, info));
      // Somebody has deleted the row meanwhile.
      if (row === null) throw notFound(singularOf(type));
      return row;
    };
    addFieldResolver(PayloadResolver, name, () => typeOf(field) as ClassType, read, {
      nullable: field.nullable ?? false,
    });
  }
  return new PayloadResolver();
}

/** Two inputs, or two payloads, of one name would be taken for one class. @throws where there are two */
function requireOneOfEachName(mutations: readonly MutationValue[]): void {
  const named = new Map<string, object>();
  const claim = (name: string | undefined, source: object) => {
    const known = named.get(name ?? "") ?? source;
    if (known !== source) throw new Error(`two types of the schema are called ${name}`);
    named.set(name ?? "", source);
  };
  for (const { input, payload } of mutations) {
    claim(shownOf(input.schema).name, input.schema.shape);
    if (isPayload(payload)) claim(payload.name, payload);
  }
}

/** @returns resolver instances, for the container */
export function mutationResolvers(mutations: Readonly<Record<string, MutationValue>>): object[] {
  requireOneOfEachName(Object.values(mutations));
  @Resolver()
  class MutationResolver {}
  const prototype = MutationResolver.prototype as Record<string, unknown>;
  for (const [name, { description, input, payload, isPlanned = false, isAlone = false, run }] of Object.entries(
    mutations,
  )) {
    prototype[name] = (call: Call, argument: unknown, request: MutationRequest) => run(call, argument, request);
    const { what, isOptional = false } = input;
    const inputClass = inputType(input.schema);
    CurrentCall()(prototype, name, 0);
    Arg("input", () => inputClass, { description: what, nullable: isOptional })(prototype, name, 1);
    CurrentRequest()(prototype, name, 2);
    const type = isPayload(payload) ? payloadType(payload) : payload;
    Mutation(() => type, { name, nullable: true, description })(prototype, name, {});
    if (isPlanned) Extensions({ [MUTATION_RETURNS_ROWS]: true })(prototype, name);
    if (isAlone) Extensions({ [MUTATION_IS_ALONE]: true })(prototype, name);
  }
  const payloads = new Set(Object.values(mutations).flatMap(({ payload }) => (isPayload(payload) ? [payload] : [])));
  return [new MutationResolver(), ...[...payloads].map(payloadResolver)];
}
