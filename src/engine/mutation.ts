/** The shape of a mutation: what a client sends and gets, who may call it, how the audit log names it, and what it runs. */
import type { ClassType } from "type-graphql";
import type { z } from "zod";
import type { Call } from "../audit/call.js";
import type { Actor } from "../auth/actor.js";
import type { MutationRule } from "../auth/rules.js";
import { checked } from "../values/checked.js";
import type { MutationTier } from "../values/rate-state.js";
import type { TypeDeclaration } from "./declaration.js";
import type { WritingReturn } from "./read/writing.js";

/** A row that a mutation has changed. */
export interface MutatedRow {
  readonly id: string;
  /** The JSON of the fields that the client asked for, where the statement that changed the row could build it too. */
  readonly json?: string | undefined;
}

/** What a mutation returns instead of a row or a list of rows. The planner reads them for the answer. */
export type MutationReturn = MutatedRow | readonly string[];

/** @returns the id of the row, or the ids of the rows */
export const mutationIdsOf = (returned: MutationReturn): string | readonly string[] =>
  "id" in returned ? returned.id : returned;

/**
 * Marks the mutations whose payload may be answered with PostgreSQL's text. The fast path calls their resolvers itself, and gives
 * them a `MutationParent` as the parent of the field.
 */
export const MUTATION_RETURNS_ROWS = "returnsRows";

/** Marks the mutations that must be the only root field of their operation. */
export const MUTATION_IS_ALONE = "isAlone";

/** The parent that the fast path gives to a root field. It is a class, so that nothing else can be taken for one. */
export class MutationParent {
  constructor(readonly returning: WritingReturn | undefined) {}
}

/** The request that a mutation came with. */
export interface MutationRequest {
  /** What the client asks of the only row of the payload, where the statement that changes the row may answer it. */
  readonly returning: WritingReturn | undefined;
  /** Has the payload read as this actor, who has just signed in. */
  answerAs(actor: Actor): void;
}

/** A field of a payload: a row or a list of rows, for which `run` returns `Returned` or null, or a plain value. */
export type MutationPayloadField = { readonly description: string; readonly nullable?: boolean } & (
  | { readonly row: TypeDeclaration }
  | { readonly rows: TypeDeclaration }
  /** A type of type-graphql, or a list with one type. */
  | { readonly value: object }
);

export interface MutationPayload {
  readonly name: string;
  readonly description: string;
  readonly fields: Readonly<Record<string, MutationPayloadField>>;
}

export interface Mutation extends MutationRule {
  readonly description: string;
  /** The limit of the rate of which each call takes a point, where it has one beside that of its request. */
  readonly tier?: MutationTier;
  /** Whether it must be the only root field of its operation, because each call of it is a guess. */
  readonly isAlone?: boolean;
  readonly input: {
    /** Made by `inputObject`. */
    readonly schema: z.ZodObject;
    /** The description of the argument. */
    readonly what: string;
    readonly isOptional?: boolean;
  };
  readonly payload: MutationPayload | ClassType;
  /** Whether the payload has only scalars and rows that always exist, so that PostgreSQL's text may be its answer. */
  readonly isPlanned?: boolean;
  /** @param input the argument as GraphQL has coerced it */
  run(call: Call, input: unknown, request: MutationRequest): Promise<object>;
}

/** A mutation whose `run` gets the checked input. */
interface CheckedMutation<S extends z.ZodObject> extends Omit<Mutation, "input" | "run"> {
  readonly input: Omit<Mutation["input"], "schema"> & { readonly schema: S };
  /** @param input the input as its schema transforms it */
  run(call: Call, input: z.output<S>, request: MutationRequest): Promise<object>;
}

/** Declares a mutation. Its input is checked before it runs; an optional input that is left out counts as empty. */
export function mutation<S extends z.ZodObject>(value: CheckedMutation<S>): Mutation {
  const { schema, isOptional } = value.input;
  return {
    ...value,
    run(call, input, request) {
      const present = isOptional && (input ?? undefined) === undefined ? {} : input;
      return value.run(call, checked(schema, present), request);
    },
  };
}
