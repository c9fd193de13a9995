/** Answers single reads of resolvers from the planner: those that are asked for in the same turn travel as one statement. */
import DataLoader from "dataloader";
import { type GraphQLResolveInfo, responsePathAsArray } from "graphql";
import { doneBut } from "../../errors.js";
import type { TypeDeclaration } from "../declaration.js";
import type { CompileTarget, Unit } from "./compile.js";

/** The reads of one request. */
export interface Reads {
  /** Reads a planned root field. */
  root(info: GraphQLResolveInfo): Promise<unknown>;
  /** Reads the row with this id, which a mutation has changed, where it is visible. */
  row(type: TypeDeclaration, id: string, info: GraphQLResolveInfo): Promise<unknown>;
  /** Reads rows that a mutation has changed, in the order of the ids. */
  rows(type: TypeDeclaration, ids: readonly string[], info: GraphQLResolveInfo): Promise<unknown>;
  /** Reads the actor's own row, even where its role may not read the type. */
  own(type: TypeDeclaration, id: string, info: GraphQLResolveInfo): Promise<unknown>;
}

/** A field to read. */
export interface Read {
  readonly unit: Unit;
  readonly value: unknown;
  readonly info: GraphQLResolveInfo;
}

/** Runs the statement that answers the reads. It returns the JSON text of each read, or its fault. */
type PreparedReads = () => Promise<(string | Error)[]>;

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
  targets: ReadonlyMap<string, CompileTarget>,
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
  const load = (target: CompileTarget, value: unknown, info: GraphQLResolveInfo) =>
    loader.load({
      unit: { key: responsePathAsArray(info.path).join("."), target, nodes: info.fieldNodes },
      value,
      info,
    });
  const readBack = (...read: Parameters<typeof load>) =>
    load(...read).catch((error) => {
      throw doneBut(error);
    });
  return {
    root(info) {
      const target = targets.get(info.fieldName);
      if (!target) throw new Error(`${info.fieldName} is not planned`);
      return load(target, undefined, info);
    },
    row: (type, id, info) => readBack({ kind: "returned", type }, id, info),
    rows: (type, ids, info) => readBack({ kind: "returnedList", type }, ids, info),
    own: (type, id, info) => load({ kind: "own", type }, id, info),
  };
}
