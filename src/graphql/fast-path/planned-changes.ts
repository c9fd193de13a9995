/** The fast way of a mutation that changes rows: run through its doors as any other, its payload answered with text from PostgreSQL. */
import {
  type FieldNode,
  type GraphQLField,
  type GraphQLObjectType,
  type GraphQLSchema,
  getNamedType,
  isObjectType,
} from "graphql";
import type { Unit } from "../../engine/read/compile.js";
import type { PlannedPayload, Planner } from "../../engine/read/planner.js";
import { collect, collectBelow, type Selection } from "../../engine/read/selection.js";
import type { RowAnswer } from "../../engine/read/writing.js";
import { LEAVES_IDS } from "../../engine/types/write-resolver.js";
import { doneBut, notFound } from "../../errors.js";
import type { AccessMap } from "../access/access.js";
import { payloadUnits } from "../rehearsal.js";
import {
  DataText,
  type DirectAnswer,
  type FormatError,
  failed,
  type Place,
  type Running,
  rootField,
} from "./direct-answer.js";

/** Of a payload that holds no rows. */
const NOTHING: PlannedPayload = { returning: null, read: async () => [] };

interface Deps {
  readonly schema: GraphQLSchema;
  readonly planner: Planner;
  readonly formatError: FormatError;
  readonly mayCall: AccessMap["mayCall"];
}

/** @returns the only root field of a mutation that leaves ids in its payload, and what is asked of the payload */
function changeOf(
  fields: Record<string, GraphQLField<unknown, unknown>>,
  { operation, fragments, context }: Running,
): { key: string; nodes: readonly FieldNode[]; field: GraphQLField<unknown, unknown>; below: Selection } | undefined {
  try {
    const selection = collect([operation.selectionSet], fragments, context.variables);
    for (const [key, nodes] of selection) {
      const field = fields[nodes[0].name.value];
      if (!field?.extensions[LEAVES_IDS] || selection.size > 1) return undefined;
      return { key, nodes, field, below: collectBelow(nodes, fragments, context.variables) };
    }
  } catch {
    // A directive's variable is null: the ordinary way says so, before anything has changed.
    return undefined;
  }
}

/** @returns a function that answers an operation, or null where the ordinary way must, before anything has changed */
export function answerChange({ schema, planner, formatError, mayCall }: Deps) {
  const mutationType = schema.getMutationType() as GraphQLObjectType;
  const fields: Record<string, GraphQLField<unknown, unknown>> = mutationType.getFields();

  return async (running: Running): Promise<DirectAnswer | null> => {
    const { operation, fragments, context } = running;
    const change = changeOf(fields, running);
    const payload = change && getNamedType(change.field.type);
    if (!isObjectType(payload)) return null;
    const { key, nodes, field, below } = change as NonNullable<typeof change>;
    // Nothing is planned, and no plan is kept, for who may not call this.
    if (!mayCall(field.name, context.access.permissions)) return null;
    const root = rootField(schema, mutationType, field, key, nodes, running);
    const units = payloadUnits(payload, key, below);
    const { variables, access } = context;
    const planned = units.length > 0 ? planner.payload(operation, units, fragments, variables, access) : NOTHING;
    if (!root || !planned) return null;
    const answer: RowAnswer | null = planned.returning && { returning: planned.returning };
    if (answer) context.answers.set(key, answer);
    let failing: Place = { path: [key], nodes };
    try {
      const left = (await field.resolve?.(undefined, root.args, context, root.info)) as Record<string, unknown>;
      const placeOf = (unit: Unit): Place => ({ path: unit.key.split(".") as [string, string], nodes: unit.nodes });
      if (units[0]) failing = placeOf(units[0]);
      const ids = units.map(({ nodes: [node] }) => left[node?.name.value as string]);
      const reading = answer?.json === undefined ? planned.read(ids) : Promise.resolve([answer.json]);
      const texts = await reading.catch((error) => {
        throw doneBut(error);
      });
      const index = texts.findIndex((text) => text instanceof Error);
      if (index >= 0) {
        failing = placeOf(units[index] as Unit);
        throw doneBut(texts[index]);
      }
      const gone = units[texts.indexOf("null")];
      if (gone) {
        // Somebody has deleted it meanwhile.
        failing = placeOf(gone);
        throw notFound(gone.nodes[0]?.name.value as string);
      }
      const rows = new Map(units.map((unit, index) => [unit.key, texts[index]]));
      const parts = [...below].map(([part, [{ name }]]) => {
        const scalar = () => JSON.stringify(name.value === "__typename" ? payload.name : left[name.value]);
        return `"${part}":${rows.get(`${key}.${part}`) ?? scalar()}`;
      });
      return { data: new DataText(`{"${key}":{${parts.join()}}}`) };
    } catch (error) {
      return failed([{ ...failing, error }], formatError);
    }
  };
}
