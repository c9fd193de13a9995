/** Runs reads: the cache of compiled plans, and the two ways out, a whole answer as text and single values for resolvers. */
import DataLoader from "dataloader";
import {
  type FieldNode,
  type GraphQLResolveInfo,
  type GraphQLSchema,
  type OperationDefinitionNode,
  responsePathAsArray,
} from "graphql";
import { LRUCache } from "lru-cache";
import type { Access } from "../auth/actor.js";
import { AppError } from "../errors.js";
import type { PlanLimits, Run } from "./compilation.js";
import { compile, type Entry, type Plan, requireAtMost, type Unit } from "./compile.js";
import type { TypeDeclaration } from "./declaration.js";
import { type Counted, createPreparation } from "./preparation.js";
import type { Variables } from "./reference.js";
import { collect, type Fragments, type Selection } from "./selection.js";
import { shapeReader } from "./shape.js";

/** Runs one statement and answers its only row. */
export type Query = (text: string, parameters: unknown[], prepare: boolean) => Promise<readonly (string | null)[]>;

export interface PlannerOptions {
  readonly schema: GraphQLSchema;
  /** What each planned root field answers. */
  readonly roots: ReadonlyMap<string, Entry>;
  readonly query: Query;
  readonly limits: PlanLimits;
  /** Seals cursors; the same for all replicas. */
  readonly cursorKey: string;
}

/** The reads of one request: those asked for in the same turn travel as one statement. */
export interface Reads {
  /** A planned root field. */
  root(info: GraphQLResolveInfo): Promise<unknown>;
  /** The row with this id, where it is visible. */
  row(type: TypeDeclaration, id: string, info: GraphQLResolveInfo): Promise<unknown>;
  /** The rows with these ids, in their order. */
  rows(type: TypeDeclaration, ids: readonly string[], info: GraphQLResolveInfo): Promise<unknown>;
  /** The actor's own row, whether or not its role reads the type. */
  own(type: TypeDeclaration, id: string, info: GraphQLResolveInfo): Promise<unknown>;
}

export interface Planner {
  reads(access: Access): Reads;
  /**
   * Plans what a mutation's payload asks for without running it, so that what cannot be answered changes nothing.
   * @param before objects that other mutations of the request may answer @returns those that they and these may
   * @throws FORBIDDEN, BAD_USER_INPUT, LIMIT_EXCEEDED
   */
  rehearse(
    units: readonly Unit[],
    values: readonly unknown[],
    info: GraphQLResolveInfo,
    access: Access,
    before: number,
  ): number;
  /**
   * Plans what a mutation's payload asks for.
   * @returns a function from the values of the units to the JSON text of each; undefined where the ordinary way must answer
   */
  payload(
    operation: OperationDefinitionNode,
    units: readonly Unit[],
    fragments: Fragments,
    variables: Variables,
    access: Access,
  ): ((values: readonly unknown[]) => Promise<string[]>) | undefined;
  /** The response keys of an operation and the planned root fields behind them; undefined where one is not planned. */
  rootUnits(operation: OperationDefinitionNode, fragments: Fragments, variables: Variables): Unit[] | undefined;
  /**
   * @returns the text of the operation's `data`; undefined where the ordinary way must answer, because something is refused
   * or malformed; nothing has run then
   */
  answer(
    operation: OperationDefinitionNode,
    units: readonly Unit[],
    fragments: Fragments,
    variables: Variables,
    access: Access,
  ): Promise<string> | undefined;
}

/** A field to read in the ordinary way. */
interface Read {
  readonly unit: Unit;
  readonly value: unknown;
  readonly info: GraphQLResolveInfo;
}
type CachedPlan = Plan & Counted;

/** All plans together, in bytes. */
const MAX_PLANS_WEIGHT = 32 * 1_048_576;
export function createPlanner({ schema, roots, query, limits, cursorKey }: PlannerOptions): Planner {
  const plans = new LRUCache<string, CachedPlan>({
    maxSize: MAX_PLANS_WEIGHT,
    // A key tells the shape of every item of a list.
    sizeCalculation: ({ weight }, key) => weight + key.length,
  });
  /** Apollo keeps parsed documents, so that an operation is the same object when it comes again. */
  const operations = new WeakMap<OperationDefinitionNode, { id: number; shape: (variables: Variables) => string }>();
  let nextId = 0;
  const preparation = createPreparation();

  function planFor(
    operation: OperationDefinitionNode,
    units: readonly Unit[],
    fragments: Fragments,
    variables: Variables,
    access: Access,
  ): CachedPlan {
    let known = operations.get(operation);
    if (!known) {
      known = { id: nextId++, shape: shapeReader(schema, operation) };
      operations.set(operation, known);
    }
    const keys = units.map(({ key, entry }) => `${entry.kind} ${key}`).join();
    const key = `${known.id} ${access.shape} ${known.shape(variables)} ${keys}`;
    let plan = plans.get(key);
    if (!plan) {
      plan = { ...compile(schema, units, fragments, variables, access, limits, cursorKey), runs: 0 };
      plans.set(key, plan);
    }
    return plan;
  }

  /** @returns the JSON text of each unit */
  const execute = async (plan: CachedPlan, parameters: unknown[]): Promise<string[]> =>
    plan.texts(await query(plan.text, parameters, preparation.isDue(plan)));

  /** @throws what compile and bind throw, before anything has run */
  function prepare(reads: readonly Read[], access: Access) {
    const { operation, fragments, variableValues } = reads[0]!.info;
    const units = reads.map(({ unit }) => unit);
    const plan = planFor(operation, units, fragments, variableValues, access);
    const run: Run = { variables: variableValues, access, values: reads.map(({ value }) => value) };
    return { plan, parameters: plan.bind(run) };
  }

  /** Answers all reads with one statement. A read that cannot be planned fails alone. */
  async function readAll(reads: readonly Read[], access: Access): Promise<unknown[]> {
    const faults = new Map<Read, Error>();
    let prepared: ReturnType<typeof prepare> | undefined;
    try {
      prepared = prepare(reads, access);
    } catch (error) {
      for (const read of reads) {
        try {
          prepare([read], access);
        } catch (fault) {
          faults.set(read, fault as Error);
        }
      }
      // Each alone is fine, but all together are too much.
      if (faults.size === 0) return reads.map(() => error);
      const sound = reads.filter((read) => !faults.has(read));
      if (sound.length > 0) {
        const answers = await readAll(sound, access);
        return reads.map((read) => faults.get(read) ?? answers[sound.indexOf(read)]);
      }
      return reads.map((read) => faults.get(read));
    }
    const texts = await execute(prepared.plan, prepared.parameters);
    return texts.map((text) => JSON.parse(text));
  }

  return {
    reads(access) {
      const loader = new DataLoader<Read, unknown>((reads) => readAll(reads, access) as Promise<ArrayLike<unknown>>, {
        cache: false,
      });
      const load = (entry: Entry, value: unknown, info: GraphQLResolveInfo) =>
        loader.load({
          unit: { key: responsePathAsArray(info.path).join("."), entry, nodes: info.fieldNodes },
          value,
          info,
        });
      return {
        root(info) {
          const entry = roots.get(info.fieldName);
          if (!entry) throw new Error(`${info.fieldName} is not planned`);
          return load(entry, undefined, info);
        },
        row: (type, id, info) => load({ kind: "given", type }, id, info),
        rows: (type, ids, info) => load({ kind: "givenList", type }, ids, info),
        own: (type, id, info) => load({ kind: "own", type }, id, info),
      };
    },

    rehearse(units, values, { operation, fragments, variableValues: variables }, access, before) {
      const plan = planFor(operation, units, fragments, variables, access);
      plan.bind({ variables, access, values });
      const objects = before + plan.objects({ variables, access, values });
      requireAtMost(limits.maxObjects, objects);
      return objects;
    },

    payload(operation, units, fragments, variables, access) {
      try {
        const plan = planFor(operation, units, fragments, variables, access);
        if (plan.refused) return undefined;
        return async (values) => execute(plan, plan.bind({ variables, access, values }));
      } catch (error) {
        // The ordinary way meets the same fault before anything has changed.
        if (error instanceof AppError) return undefined;
        throw error;
      }
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
        const entry = roots.get(nodes[0].name.value);
        if (!entry) return undefined;
        units.push({ key, entry, nodes: nodes as readonly FieldNode[] });
      }
      return units.length > 0 ? units : undefined;
    },

    answer(operation, units, fragments, variables, access) {
      let plan: CachedPlan;
      let parameters: unknown[];
      try {
        plan = planFor(operation, units, fragments, variables, access);
        if (plan.refused) return undefined;
        parameters = plan.bind({ variables, access, values: [] });
      } catch (error) {
        // The ordinary way meets the same fault and puts it beside the right field.
        if (error instanceof AppError) return undefined;
        throw error;
      }
      return execute(plan, parameters).then((texts) => {
        // Added up, not joined: a long text is copied once, where it is sent.
        let data = "";
        for (const [index, { key }] of units.entries()) data += `${index > 0 ? "," : "{"}"${key}":${texts[index]}`;
        return `${data}}`;
      });
    },
  };
}
