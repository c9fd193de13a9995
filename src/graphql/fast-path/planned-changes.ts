/** Answers a mutation that changes rows with PostgreSQL's text. It runs the mutation through its doors, like any other. */
import {
  type FieldNode,
  type GraphQLField,
  type GraphQLObjectType,
  type GraphQLSchema,
  getNamedType,
  isObjectType,
} from "graphql";
import { MUTATION_RETURNS_ROWS, MutationParent, type MutationReturn, mutationIdsOf } from "../../engine/mutation.js";
import type { Planner, PlannerPayload } from "../../engine/read/planner.js";
import { collectSelection, collectSelectionBelow, type Selection } from "../../engine/read/selection.js";
import type { Unit } from "../../engine/read/unit.js";
import { AppError, doneBut, notFound } from "../../errors.js";
import type { DoorResolve, RootFieldDoors } from "../doors.js";
import { preflightUnits, preflightValues } from "../preflight.js";
import {
  answeredRootField,
  type DirectAnswer,
  type DirectAnswerPath,
  type DirectAnswerRun,
  DirectAnswerText,
  type FormatDirectAnswerError,
  failedAnswer,
  mayAnswerPass,
} from "./direct-answer.js";

/** The plan of a payload that holds no rows. */
const NOTHING: PlannerPayload = {
  isText: true,
  requireAnswerable: (_values, before) => before,
  returning: () => undefined,
  read: async () => [],
};

interface Deps {
  readonly schema: GraphQLSchema;
  readonly planner: Planner;
  readonly roots: RootFieldDoors;
  readonly formatError: FormatDirectAnswerError;
}

/** @returns the only root field of a mutation that returns rows, and the selection of its payload; undefined for other mutations */
function changeOf(
  fields: Record<string, GraphQLField<unknown, unknown>>,
  { operation, fragments, context }: DirectAnswerRun,
): { key: string; nodes: readonly FieldNode[]; field: GraphQLField<unknown, unknown>; below: Selection } | undefined {
  try {
    const selection = collectSelection([operation.selectionSet], fragments, context.variables);
    for (const [key, nodes] of selection) {
      const field = fields[nodes[0].name.value];
      if (!field?.extensions[MUTATION_RETURNS_ROWS] || selection.size > 1) return undefined;
      return { key, nodes, field, below: collectSelectionBelow(nodes, fragments, context.variables) };
    }
  } catch {
    // A directive's variable is null. The ordinary path reports that before anything has changed.
    return undefined;
  }
}

/** @returns a function that answers an operation, or returns null where the ordinary path must answer, and then nothing has changed yet */
export function answerChange({ schema, planner, roots, formatError }: Deps) {
  const mutationType = schema.getMutationType() as GraphQLObjectType;
  const fields: Record<string, GraphQLField<unknown, unknown>> = mutationType.getFields();

  /** @returns undefined where the ordinary path must answer */
  function plan(units: readonly Unit[], { operation, fragments, context }: DirectAnswerRun) {
    if (units.length === 0) return { planned: NOTHING, root: new MutationParent(undefined) };
    const { variables, access } = context;
    try {
      const planned = planner.payload({ operation, fragments, variables, access }, units);
      return planned.isText ? { planned, root: new MutationParent(planned.returning()) } : undefined;
    } catch (error) {
      // The ordinary path meets the same fault, and reports it before anything has changed.
      if (error instanceof AppError) return undefined;
      throw error;
    }
  }

  return async (running: DirectAnswerRun): Promise<DirectAnswer | null> => {
    const { context } = running;
    const change = changeOf(fields, running);
    const payload = change && getNamedType(change.field.type);
    if (!isObjectType(payload)) return null;
    const { key, nodes, field, below } = change as NonNullable<typeof change>;
    const root = answeredRootField(schema, mutationType, field, key, nodes, running);
    const [door, resolve] = [roots.doors.Mutation[field.name], roots.mutations[field.name]];
    if (!root || !door || !resolve) return null;
    // Its duration counts from here: the recorder comes after the door.
    context.call(root.info, root.args);
    // Who may not call this gets no plan, and none is kept for them.
    if (!(await mayAnswerPass(door, root, context))) return null;
    const units = preflightUnits(payload, key, below);
    const plans = plan(units, running);
    if (!plans) return null;
    const { planned } = plans;
    const run: DoorResolve = async (...resolverArgs) => {
      await roots.takeTurn(field.name, context);
      planned.requireAnswerable(preflightValues(units, root.args), 0);
      return resolve(...resolverArgs);
    };
    let failing: DirectAnswerPath = { path: [key], nodes };
    try {
      const result = await roots.recorder(run, plans.root, root.args, context, root.info);
      const returned = result as Record<string, unknown>;
      const placeOf = (unit: Unit): DirectAnswerPath => ({
        path: unit.key.split(".") as [string, string],
        nodes: unit.nodes,
      });
      if (units[0]) failing = placeOf(units[0]);
      const changed = units.map(({ nodes: [node] }) => returned[node?.name.value as string] as MutationReturn);
      const json = changed[0] && "json" in changed[0] ? changed[0].json : undefined;
      const reading = json === undefined ? planned.read(changed.map(mutationIdsOf)) : Promise.resolve([json]);
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
        // Somebody has deleted the row meanwhile.
        failing = placeOf(gone);
        throw notFound(gone.nodes[0]?.name.value as string);
      }
      const rows = new Map(units.map((unit, index) => [unit.key, texts[index]]));
      const parts = [...below].map(([part, [{ name }]]) => {
        const scalar = () => JSON.stringify(name.value === "__typename" ? payload.name : returned[name.value]);
        return `"${part}":${rows.get(`${key}.${part}`) ?? scalar()}`;
      });
      return { data: new DirectAnswerText(`{"${key}":{${parts.join()}}}`) };
    } catch (error) {
      return failedAnswer([{ ...failing, error }], formatError);
    }
  };
}
