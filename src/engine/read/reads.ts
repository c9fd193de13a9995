/** Answers single reads of resolvers from the planner: those that are asked for in the same turn travel as one statement. */
import DataLoader from "dataloader";
import { type GraphQLResolveInfo, responsePathAsArray } from "graphql";
import type { ActorAccess } from "../../auth/actor.js";
import { type AppError, doneBut, forbidden } from "../../errors.js";
import { declaredQueryPermissions, mayReadDeclared, type TypeDeclaration } from "../declaration.js";
import type { NodeKey } from "./node-id.js";
import type { Unit, UnitTarget, UnitTargetOf } from "./unit.js";

/** The reads of one request. */
export interface Reads {
  /** Reads a planned root field. */
  root(info: GraphQLResolveInfo): Promise<unknown>;
  /** Reads the row that the node id of a root field names. @throws FORBIDDEN where the actor may not ask for its type */
  node(info: GraphQLResolveInfo): Promise<object | null>;
  /** Reads the rows that the node ids of a root field name, in their order, with an error in place of each that it may not ask for. */
  nodes(info: GraphQLResolveInfo): Promise<(object | null)[]>;
  /** Reads the row with this id, which a mutation has changed, where it is visible. */
  row(type: TypeDeclaration, id: string, info: GraphQLResolveInfo): Promise<unknown>;
  /** Reads rows that a mutation has changed, in the order of the ids. */
  rows(type: TypeDeclaration, ids: readonly string[], info: GraphQLResolveInfo): Promise<unknown>;
  /** Reads rows that have changed, by their ids, for a root field that has a filter or none: null is whatever it does not show. */
  changed(type: TypeDeclaration, ids: readonly string[], info: GraphQLResolveInfo): Promise<unknown>;
  /** Reads the actor's own row, even where its role may not read the type. */
  own(type: TypeDeclaration, id: string, info: GraphQLResolveInfo): Promise<unknown>;
}

/** A field to read. */
export interface Read {
  readonly unit: Unit;
  readonly info: GraphQLResolveInfo;
}

/** Runs the statement that answers the reads. It returns the JSON text of each read, or its fault. */
type PreparedReads = () => Promise<(string | Error)[]>;

/** The key under which a row that a node id names has the name of its type. No response key is a symbol. */
export const READ_TYPE = Symbol("the type of a node");

/** What is left for all reads of one request together. */
export interface ReadsAllowance {
  /** The bytes of their answers. */
  bytes: number;
  /** The number of members' logs. */
  logs: number;
}

/**
 * @param targets what each planned root field answers
 * @param prepare plans reads as one statement, or throws their fault, before anything has run
 */
export function createReads(
  targets: ReadonlyMap<string, UnitTargetOf>,
  { permissions }: ActorAccess,
  allowance: ReadsAllowance,
  prepare: (reads: readonly Read[], bytesLeft: number) => PreparedReads,
): Reads {
  /** Answers all reads with one statement. A read that cannot be planned fails alone. */
  async function readAll(reads: readonly Read[]): Promise<unknown[]> {
    const faults = new Map<Read, Error>();
    let prepared: PreparedReads;
    try {
      prepared = prepare(reads, allowance.bytes);
    } catch (error) {
      for (const read of reads) {
        try {
          prepare([read], allowance.bytes);
        } catch (fault) {
          faults.set(read, fault as Error);
        }
      }
      // Each read alone can be answered, but all of them together are too much.
      if (faults.size === 0) return reads.map(() => error);
      const sound = reads.filter((read) => !faults.has(read));
      const answers = sound.length > 0 ? await readAll(sound) : [];
      return reads.map((read) => faults.get(read) ?? answers[sound.indexOf(read)]);
    }
    const answers = await prepared();
    return answers.map((answer) => {
      if (answer instanceof Error) return answer;
      allowance.bytes -= Buffer.byteLength(answer);
      return JSON.parse(answer);
    });
  }

  const loader = new DataLoader<Read, unknown>((reads) => readAll(reads) as Promise<ArrayLike<unknown>>, {
    cache: false,
  });
  const load = (target: UnitTarget, value: unknown, info: GraphQLResolveInfo) =>
    loader.load({
      unit: { key: responsePathAsArray(info.path).join("."), target, value, nodes: info.fieldNodes },
      info,
    });
  const targetOf = ({ fieldName, fieldNodes, variableValues }: GraphQLResolveInfo) => {
    const target = targets.get(fieldName);
    if (!target) throw new Error(`${fieldName} is not planned`);
    return target(fieldNodes[0]!, variableValues);
  };
  const refusalOf = ({ type }: NodeKey): AppError | undefined => {
    const required = type && declaredQueryPermissions(type);
    return mayReadDeclared(permissions, required) ? undefined : forbidden(required![0]);
  };
  const withType = (row: unknown, { type }: NodeKey) =>
    row === null ? null : Object.assign(row as object, { [READ_TYPE]: type!.name });
  const readBack = (...read: Parameters<typeof load>) =>
    load(...read).catch((error) => {
      throw doneBut(error);
    });
  return {
    async root(info) {
      const { target, value } = targetOf(info);
      return load(target, value, info);
    },
    async node(info) {
      const { target, value } = targetOf(info);
      const key = value as NodeKey;
      const refusal = refusalOf(key);
      if (refusal) throw refusal;
      return withType(await load(target, value, info), key);
    },
    async nodes(info) {
      const { target, value } = targetOf(info);
      const rows = (await load(target, value, info)) as unknown[];
      return (value as NodeKey[]).map((key, index) => refusalOf(key) ?? withType(rows[index], key));
    },
    row: (type, id, info) => readBack({ kind: "returned", type }, id, info),
    rows: (type, ids, info) => readBack({ kind: "returnedList", type }, ids, info),
    changed: (type, ids, info) => load({ kind: "changed", type }, ids, info),
    own: (type, id, info) => load({ kind: "own", type }, id, info),
  };
}
