/** Runs reads: the cache of compiled plans, and the two ways out, a whole answer as text and single values for resolvers (see reads.ts). */
import type { FieldNode, GraphQLSchema, OperationDefinitionNode } from "graphql";
import type { Access } from "../../auth/actor.js";
import type { Cache } from "../../cache.js";
import { UsualTime } from "../../db/driver/usual-time.js";
import { AppError } from "../../errors.js";
import { NO_DOUBLE } from "./aggregate.js";
import type { PlanLimits, Run } from "./compilation.js";
import { compile, compileReturning, type Plan, type ReadTarget, requireAtMost, type Unit } from "./compile.js";
import { type Counted, createPreparation } from "./preparation.js";
import type { Variables } from "./query-value.js";
import { type Allowance, createReads, type Reads } from "./reads.js";
import { collect, type Fragments, type Selection } from "./selection.js";
import { shapeReader } from "./shape.js";
import type { Returning } from "./writing.js";

/** Runs one statement and answers its only row. */
export type Query = (
  text: string,
  parameters: unknown[],
  prepare: boolean,
  usual: UsualTime,
) => Promise<readonly (string | null)[]>;

export interface PlannerOptions {
  readonly schema: GraphQLSchema;
  /** What each planned root field answers. */
  readonly roots: ReadonlyMap<string, ReadTarget>;
  readonly query: Query;
  /** Whether an error of `query` is about the data of one field, so that the others may be answered. */
  readonly isDataFault: (error: unknown) => boolean;
  readonly limits: PlanLimits;
  /** Seals cursors; the same for all replicas. */
  readonly cursorKey: string;
  /** Keeps the plans. */
  readonly cache: Cache;
}

export interface Planner {
  /** @returns what all reads of a new request share */
  allowance(): Allowance;
  reads(access: Access, allowance: Allowance): Reads;
  /** Plans what a mutation's payload asks for, before the mutation runs. @throws FORBIDDEN, BAD_USER_INPUT, LIMIT_EXCEEDED */
  payload(asked: Asked, units: readonly Unit[]): PlannedPayload;
  /** The response keys of an operation and the planned root fields behind them; undefined where one is not planned. */
  rootUnits(operation: OperationDefinitionNode, fragments: Fragments, variables: Variables): Unit[] | undefined;
  /**
   * @returns the JSON text of each unit, or its fault; undefined where the ordinary way must answer, because something is refused or
   * malformed, or stands in the place of a number
   */
  answer(
    operation: OperationDefinitionNode,
    units: readonly Unit[],
    fragments: Fragments,
    variables: Variables,
    access: Access,
  ): Promise<(string | Error)[] | undefined>;
}

/** The rows of a mutation's payload. */
export interface PlannedPayload {
  /** Whether its text can be passed through: nothing in it is refused, or stands in the place of a number. */
  readonly isText: boolean;
  /**
   * Finds out what cannot be answered, without running anything.
   * @param values of the units, or such as they may be @param before objects that other mutations of the request may answer
   * @returns the objects that they and this one may answer @throws BAD_USER_INPUT, LIMIT_EXCEEDED
   */
  requireAnswerable(values: readonly unknown[], before: number): number;
  /** @returns what has the statement that changes the only row build its JSON, too; undefined where none can */
  returning(): Returning | undefined;
  /** @param values of the units @returns the JSON text of each, or its fault */
  read(values: readonly unknown[]): Promise<(string | Error)[]>;
}

/** What a plan is made for, but for its units. */
export interface Asked extends Pick<Run, "variables" | "access"> {
  readonly operation: OperationDefinitionNode;
  readonly fragments: Fragments;
}

interface CachedPlan extends Plan, Counted {
  readonly key: string;
  readonly usual: UsualTime;
  /** Null where there can be none, undefined as long as nobody has asked. */
  returning?: Returning | null;
}

/** Of an expression as objects, as a multiple of its text. */
const EXPRESSION_WEIGHT = 40;

export function createPlanner({
  schema,
  roots,
  query,
  isDataFault,
  limits,
  cursorKey,
  cache,
}: PlannerOptions): Planner {
  const plans = cache.region<CachedPlan>();
  /** Documents are kept parsed, so that an operation is the same object when it comes again. */
  const operations = new WeakMap<OperationDefinitionNode, { id: number; shape: (variables: Variables) => string }>();
  const preparation = createPreparation();
  /** Of operations, and of what changes return. */
  let nextId = 0;

  function planFor({ operation, fragments, variables, access }: Asked, units: readonly Unit[]): CachedPlan {
    let known = operations.get(operation);
    if (!known) {
      known = { id: nextId++, shape: shapeReader(schema, operation) };
      operations.set(operation, known);
    }
    const keys = units.map(({ key, target }) => `${target.kind} ${key}`).join();
    const key = `${known.id} ${access.shape} ${known.shape(variables)} ${keys}`;
    let plan = plans.get(key);
    if (!plan) {
      const compiled = compile(schema, units, fragments, variables, access, limits, cursorKey);
      plan = { ...compiled, key, runs: 0, usual: new UsualTime(compiled.isPointRead ? 0 : undefined) };
      // A key tells the shape of every item of a list.
      plans.set(access.holder, key, plan, plan.weight + key.length);
    }
    return plan;
  }

  /** Made for a plan once it is asked for: only changes of rows do. */
  function returningOf(plan: CachedPlan, { fragments, variables, access }: Asked, [unit, ...more]: readonly Unit[]) {
    if (plan.returning !== undefined) return plan.returning;
    const isOne = unit?.target.kind === "given" && more.length === 0 && !plan.refused;
    const template = isOne && compileReturning(schema, unit, fragments, variables, access, limits, cursorKey);
    plan.returning = template ? { template, id: nextId++, isDue: preparation.isDue } : null;
    const { key, weight, text } = plan;
    if (template) plans.set(access.holder, key, plan, weight + EXPRESSION_WEIGHT * text.length + key.length);
    return plan.returning;
  }

  /** @throws what compile and bind throw, before anything has run @returns what runs the statement of the units */
  function prepare(asked: Asked, units: readonly Unit[], run: Run, plan = planFor(asked, units)) {
    const parameters = plan.bind(run);
    return async (): Promise<(string | Error)[]> => {
      try {
        const row = await query(plan.text, parameters, preparation.isDue(plan), plan.usual);
        return plan.texts(row);
      } catch (error) {
        if (!isDataFault(error)) throw error;
        return units.length === 1 ? [error as Error] : apart(asked, units, run);
      }
    };
  }

  /** Runs each unit alone, one after another, so that no more fail than are at fault. */
  async function apart(asked: Asked, units: readonly Unit[], run: Run): Promise<(string | Error)[]> {
    const answers: (string | Error)[] = [];
    let bytesLeft = run.bytesLeft ?? limits.answerBytes;
    for (const [index, unit] of units.entries()) {
      try {
        const [answer] = await prepare(asked, [unit], { ...run, values: [run.values[index]], bytesLeft })();
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

    reads: (access, allowance) =>
      createReads(roots, allowance, (reads, bytesLeft) => {
        const { operation, fragments, variableValues: variables } = reads[0]!.info;
        const units = reads.map(({ unit }) => unit);
        const values = reads.map(({ value }) => value);
        const run = prepare({ operation, fragments, access, variables }, units, {
          variables,
          access,
          values,
          bytesLeft,
        });
        return () => run();
      }),

    payload(asked, units) {
      const { variables, access } = asked;
      const plan = planFor(asked, units);
      return {
        isText: !plan.refused && !plan.sumsDoubles,
        requireAnswerable(values, before) {
          const run = { variables, access, values };
          plan.bind(run);
          const objects = before + plan.objects(run);
          requireAtMost(limits.maxObjects, objects);
          return objects;
        },
        returning: () => returningOf(plan, asked, units) ?? undefined,
        read: async (values) => prepare(asked, units, { variables, access, values }, plan)(),
      };
    },

    rootUnits(operation, fragments, variables) {
      const units: Unit[] = [];
      let selection: Selection;
      try {
        selection = collect([operation.selectionSet], fragments, variables);
      } catch (error) {
        // The ordinary way meets the same fault.
        if (error instanceof AppError) return undefined;
        throw error;
      }
      for (const [key, nodes] of selection) {
        const target = roots.get(nodes[0].name.value);
        if (!target) return undefined;
        units.push({ key, target, nodes: nodes as readonly FieldNode[] });
      }
      return units.length > 0 ? units : undefined;
    },

    async answer(operation, units, fragments, variables, access) {
      let plan: CachedPlan;
      let run: () => Promise<(string | Error)[]>;
      try {
        const asked = { operation, fragments, variables, access };
        plan = planFor(asked, units);
        if (plan.refused) return undefined;
        run = prepare(asked, units, { variables, access, values: [] }, plan);
      } catch (error) {
        // The ordinary way meets the same fault and puts it beside the right field.
        if (error instanceof AppError) return undefined;
        throw error;
      }
      const answers = await run();
      const isWhole = (answer: string | Error) => answer instanceof Error || !answer.includes(NO_DOUBLE);
      return !plan.sumsDoubles || answers.every(isWhole) ? answers : undefined;
    },
  };
}
