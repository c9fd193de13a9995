/** The fast path: it answers queries whose root fields are all planned, and changes of rows, with PostgreSQL's text. */
import {
  type DocumentNode,
  type FragmentDefinitionNode,
  type GraphQLField,
  type GraphQLObjectType,
  type GraphQLSchema,
  Kind,
  type OperationDefinitionNode,
} from "graphql";
import type { Planner } from "../../engine/read/planner.js";
import type { Fragments } from "../../engine/read/selection.js";
import type { Unit } from "../../engine/read/unit.js";
import type { Log } from "../../log.js";
import type { RequestContext } from "../context.js";
import type { RootFieldDoors } from "../doors.js";
import {
  answeredRootField,
  type DirectAnswer,
  type DirectAnswerFault,
  type DirectAnswerRun,
  DirectAnswerText,
  directAnswerErrors,
  type FormatDirectAnswerError,
  failedAnswer,
  mayAnswerPass,
} from "./direct-answer.js";
import { answerChange } from "./planned-changes.js";

const faultOf = ({ key, nodes }: Unit, error: unknown): DirectAnswerFault => ({ path: [key], nodes, error });

/** @returns the fragments of a document by name */
export const fragmentsOfDocument = ({ definitions }: DocumentNode): Fragments =>
  Object.fromEntries(
    definitions
      .filter((node): node is FragmentDefinitionNode => node.kind === Kind.FRAGMENT_DEFINITION)
      .map((node) => [node.name.value, node]),
  );

interface FastPathDeps {
  readonly schema: GraphQLSchema;
  readonly planner: Planner;
  readonly roots: RootFieldDoors;
  readonly formatError: FormatDirectAnswerError;
  readonly log: Log;
}

/** Answers an operation of a valid document, whose variables are in the context, or returns null for the ordinary path. It never throws. */
export type AnswerPlannedOperation = (
  document: DocumentNode,
  operation: OperationDefinitionNode,
  context: RequestContext,
) => Promise<DirectAnswer | null>;

/** Makes the function that answers operations on the fast path. */
export function createPlannedOperations({
  schema,
  planner,
  roots,
  formatError,
  log,
}: FastPathDeps): AnswerPlannedOperation {
  const queryType = schema.getQueryType() as GraphQLObjectType;
  const fields: Record<string, GraphQLField<unknown, unknown>> = queryType.getFields();
  const fragmentsByOperation = new WeakMap<OperationDefinitionNode, Fragments>();

  async function allPass(units: readonly Unit[], running: DirectAnswerRun) {
    for (const { key, nodes } of units) {
      const field = fields[nodes[0]?.name.value ?? ""];
      const door = field && roots.doors.Query[field.name];
      const root = door && answeredRootField(schema, queryType, field, key, nodes, running);
      if (!root || !(await mayAnswerPass(door, root, running.context))) return false;
    }
    return true;
  }

  async function answerQuery(running: DirectAnswerRun): Promise<DirectAnswer | null> {
    const { operation, fragments, context } = running;
    const units = planner.rootUnits(operation, fragments, context.variables);
    if (!units) return null;
    try {
      if (!(await allPass(units, running))) return null;
      const answers = await planner.answer(operation, units, fragments, context.variables, context.access);
      if (!answers) return null;
      // Texts are appended, not joined, so that a long one is copied only when it is sent.
      let data = "";
      const faults: DirectAnswerFault[] = [];
      for (const [index, { key }] of units.entries()) {
        const answer = answers[index] as string | Error;
        if (answer instanceof Error) faults.push(faultOf(units[index] as Unit, answer));
        data += `${index > 0 ? "," : "{"}"${key}":${answer instanceof Error ? null : answer}`;
      }
      if (faults.length === units.length) return failedAnswer(faults, formatError);
      return {
        data: new DirectAnswerText(`${data}}`),
        ...(faults.length > 0 && { errors: directAnswerErrors(faults, formatError) }),
      };
    } catch (error) {
      const faults = units.map((unit) => faultOf(unit, error));
      return failedAnswer(faults, formatError);
    }
  }

  const changes = answerChange({ schema, planner, roots, formatError });

  return async (document, operation, context) => {
    let fragments = fragmentsByOperation.get(operation);
    if (!fragments) {
      fragments = fragmentsOfDocument(document);
      fragmentsByOperation.set(operation, fragments);
    }
    const running: DirectAnswerRun = { operation, fragments, context };
    const answer = await (operation.operation === "query" ? answerQuery(running) : changes(running));
    if (answer) log.trace({ requestId: context.origin.requestId }, "answered by the plan alone");
    return answer;
  };
}
