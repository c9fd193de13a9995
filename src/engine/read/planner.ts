/** Plans and runs reads. It keeps compiled plans, and answers whole queries as text, or single values to resolvers (see reads.ts). */
import type { GraphQLSchema, OperationDefinitionNode } from "graphql";
import type { ActorAccess } from "../../auth/actor.js";
import type { Cache } from "../../cache.js";
import { UsualTime } from "../../db/driver/usual-time.js";
import { AppError } from "../../errors.js";
import { NO_DOUBLE_AGGREGATE } from "./aggregate.js";
import type { CompilationLimits, CompilationRun } from "./compilation.js";
import { type CompiledPlan, compile, compileReturning } from "./compile.js";
import { requireObjectsAtMost } from "./cost.js";
import { askAlone, type PlannerQuery, type ShareRead } from "./planner-query.js";
import { createPreparation, type PreparationCount } from "./preparation.js";
import type { QueryVariables } from "./query-value.js";
import { createReads, type Reads, type ReadsAllowance } from "./reads.js";
import { collectSelection, type Fragments } from "./selection.js";
import { shapeReader } from "./shape.js";
import type { Unit, UnitTargetOf } from "./unit.js";
import type { WritingReturn } from "./writing.js";

export interface PlannerOptions {
  readonly schema: GraphQLSchema;
  /** What each planned root field answers, by its name. */
  readonly targets: ReadonlyMap<string, UnitTargetOf>;
  readonly query: PlannerQuery;
  /** Whether an error of `query` is about the data of one field, so that other fields can still be answered. */
  readonly isDataFault: (error: unknown) => boolean;
  readonly limits: CompilationLimits;
  /** The key that seals cursors, the same for all replicas. */
  readonly cursorKey: string;
  /** The store of the plans. */
  readonly cache: Cache;
}

export interface Planner {
  /** @returns the allowance that all reads of a new request share */
  allowance(): ReadsAllowance;
  /** @param share answers its statements; each is asked for itself where it is absent */
  reads(access: ActorAccess, allowance: ReadsAllowance, share?: ShareRead): Reads;
  /** Plans what a mutation's payload asks for, before the mutation runs. @throws FORBIDDEN, BAD_USER_INPUT, LIMIT_EXCEEDED */
  payload(request: PlanRequest, units: readonly Unit[]): PlannerPayload;
  /** @returns a unit for each root field of an operation; undefined where one of them is not planned */
  rootUnits(operation: OperationDefinitionNode, fragments: Fragments, variables: QueryVariables): Unit[] | undefined;
  /**
   * @returns the JSON text of each unit, or its fault; undefined where the ordinary path must answer, because something is refused or
   * malformed, or because a sum is too large for a number
   */
  answer(
    operation: OperationDefinitionNode,
    units: readonly Unit[],
    fragments: Fragments,
    variables: QueryVariables,
    access: ActorAccess,
  ): Promise<(string | Error)[] | undefined>;
}

/** The rows of a mutation's payload. */
export interface PlannerPayload {
  /** Whether PostgreSQL's text can be the answer: nothing in it is refused, and no sum of doubles is in it. */
  readonly isText: boolean;
  /**
   * Checks that the payload can be answered, without running anything.
   * @param values the ids of the units, or as many placeholders @param before the objects that earlier mutations of the request may answer
   * @returns the objects that they and this one may answer @throws BAD_USER_INPUT, LIMIT_EXCEEDED
   */
  requireAnswerable(values: readonly unknown[], before: number): number;
  /** @returns what the statement that changes the only row needs to build its JSON; undefined where it cannot */
  returning(): WritingReturn | undefined;
  /** @param values the ids of the units @returns the JSON text of each unit, or its fault */
  read(values: readonly unknown[]): Promise<(string | Error)[]>;
}

/** The operation that a plan is for, with its variables and its actor's access. */
interface PlanRequest extends Pick<CompilationRun, "variables" | "access"> {
  readonly operation: OperationDefinitionNode;
  readonly fragments: Fragments;
}

interface CachedPlan extends CompiledPlan, PreparationCount {
  readonly key: string;
  readonly usual: UsualTime;
  /** Null where the plan can have none, undefined until a change asks for it. */
  returning?: WritingReturn | null;
}

/** The key of a unit within its operation. What a root field reads may depend on the request. */
const keyOfUnit = ({ key, target }: Unit) =>
  `${target.kind} ${key}${"types" in target ? target.types.map(({ name }) => ` ${name}`).join("") : ""}`;

/** The memory of an expression as objects, as a multiple of its text. */
const EXPRESSION_WEIGHT = 40;

export function createPlanner({
  schema,
  targets,
  query,
  isDataFault,
  limits,
  cursorKey,
  cache,
}: PlannerOptions): Planner {
  const plans = cache.region<CachedPlan>();
  /** Operations by identity: documents are kept parsed, so that an operation is the same object when it comes again. */
  const operations = new WeakMap<
    OperationDefinitionNode,
    { id: number; shape: (variables: QueryVariables) => string }
  >();
  const preparation = createPreparation();
  /** The next id of an operation, or of a `Returning`. */
  let nextId = 0;

  function planFor({ operation, fragments, variables, access }: PlanRequest, units: readonly Unit[]): CachedPlan {
    let known = operations.get(operation);
    if (!known) {
      known = { id: nextId++, shape: shapeReader(schema, operation) };
      operations.set(operation, known);
    }
    const keys = units.map(keyOfUnit).join();
    const key = `${known.id} ${access.shape} ${known.shape(variables)} ${keys}`;
    let plan = plans.get(key);
    if (!plan) {
      const compiled = compile(schema, units, fragments, variables, access, limits, cursorKey);
      plan = { ...compiled, key, runs: 0, usual: new UsualTime(compiled.isPointRead ? 0 : undefined) };
      // The key is weighed too: it holds the shape of every item of a list.
      plans.set(access.holder, key, plan, plan.weight + key.length);
    }
    return plan;
  }

  /** Compiled only once a change of rows asks for it. */
  function returningOf(plan: CachedPlan, request: PlanRequest, [unit, ...more]: readonly Unit[]) {
    if (plan.returning !== undefined) return plan.returning;
    const { fragments, variables, access } = request;
    const type = unit?.target.kind === "returned" && more.length === 0 && !plan.refused ? unit.target.type : undefined;
    const template =
      type && compileReturning(schema, type, unit!.nodes, fragments, variables, access, limits, cursorKey);
    plan.returning = template ? { type, template, id: nextId++, isDue: preparation.isDue } : null;
    const { key, weight, text } = plan;
    if (template) plans.set(access.holder, key, plan, weight + EXPRESSION_WEIGHT * text.length + key.length);
    return plan.returning;
  }

  /** @returns a function that runs the statement of the units @throws AppError, before anything has run, as compile and bind do */
  function prepare(request: PlanRequest, units: readonly Unit[], run: CompilationRun, plan = planFor(request, units)) {
    const parameters = plan.bind(run);
    return async (share: ShareRead = askAlone): Promise<(string | Error)[]> => {
      try {
        const ask = () => query(plan.text, parameters, preparation.isDue(plan), plan.usual);
        return plan.texts(await share(plan.text, parameters, ask));
      } catch (error) {
        if (!isDataFault(error)) throw error;
        return units.length === 1 ? [error as Error] : runEach(request, units, run);
      }
    };
  }

  /** Runs each unit alone, one after another, so that only those fail that are at fault. */
  async function runEach(
    request: PlanRequest,
    units: readonly Unit[],
    run: CompilationRun,
  ): Promise<(string | Error)[]> {
    const answers: (string | Error)[] = [];
    let bytesLeft = run.bytesLeft ?? limits.answerBytes;
    for (const [index, unit] of units.entries()) {
      try {
        const [answer] = await prepare(request, [unit], { ...run, values: [run.values[index]], bytesLeft })();
        answers.push(answer as string | Error);
        if (typeof answer === "string") bytesLeft -= Buffer.byteLength(answer);
      } catch (error) {
        answers.push(error as Error);
      }
    }
    return answers;
  }

  return {
    allowance: () => ({ bytes: limits.answerBytes, logs: limits.logs }),

    reads: (access, allowance, share) =>
      createReads(targets, access, allowance, (reads, bytesLeft) => {
        const { operation, fragments, variableValues: variables } = reads[0]!.info;
        const units = reads.map(({ unit }) => unit);
        const values = units.map(({ value }) => value);
        const run = prepare({ operation, fragments, access, variables }, units, {
          variables,
          access,
          values,
          bytesLeft,
        });
        return () => run(share);
      }),

    payload(request, units) {
      const { variables, access } = request;
      const plan = planFor(request, units);
      return {
        isText: !plan.refused && !plan.sumsDoubles,
        requireAnswerable(values, before) {
          const run = { variables, access, values };
          plan.bind(run);
          const objects = before + plan.objects(run);
          requireObjectsAtMost(limits.maxObjects, objects);
          return objects;
        },
        returning: () => returningOf(plan, request, units) ?? undefined,
        read: async (values) => prepare(request, units, { variables, access, values }, plan)(),
      };
    },

    rootUnits(operation, fragments, variables) {
      const units: Unit[] = [];
      try {
        for (const [key, nodes] of collectSelection([operation.selectionSet], fragments, variables)) {
          const target = targets.get(nodes[0].name.value);
          if (!target) return undefined;
          units.push({ key, nodes, ...target(nodes[0], variables) });
        }
      } catch (error) {
        // The ordinary path meets the same fault and reports it.
        if (error instanceof AppError) return undefined;
        throw error;
      }
      return units.length > 0 ? units : undefined;
    },

    async answer(operation, units, fragments, variables, access) {
      let plan: CachedPlan;
      let run: () => Promise<(string | Error)[]>;
      try {
        const request = { operation, fragments, variables, access };
        plan = planFor(request, units);
        if (plan.refused) return undefined;
        run = prepare(request, units, { variables, access, values: units.map(({ value }) => value) }, plan);
      } catch (error) {
        // The ordinary path meets the same fault and reports it at its field.
        if (error instanceof AppError) return undefined;
        throw error;
      }
      const answers = await run();
      const isWhole = (answer: string | Error) => answer instanceof Error || !answer.includes(NO_DOUBLE_AGGREGATE);
      return !plan.sumsDoubles || answers.every(isWhole) ? answers : undefined;
    },
  };
}
