/** A mutation as a value: what a client sends and gets, who may call it, what is left of it, and what it does. */
import type { ClassType } from "type-graphql";
import type { z } from "zod";
import type { Call } from "../audit/call.js";
import type { Actor } from "../auth/actor.js";
import type { MutationRule } from "../auth/rules.js";
import { checked } from "../values/checked.js";
import type { TypeDeclaration } from "./declaration.js";
import type { Returning } from "./read/writing.js";

/** A row that a mutation has changed. */
export interface ChangedRow {
  readonly id: string;
  /** What was asked of it, where the statement that changed it could build that, too. */
  readonly json?: string | undefined;
}

/** What a mutation returns in the place of a row, or of a list of rows: they are read through the plan. */
export type Returned = ChangedRow | readonly string[];

/** @returns the id of the row, or the ids of the rows */
export const idsOf = (returned: Returned): string | readonly string[] => ("id" in returned ? returned.id : returned);

/** What a mutation may ask of, and tell, the request that it came with. */
export interface MutationRequest {
  /** What is asked of the only row of the payload, where the statement that changes it may answer that. */
  readonly returning: Returning | undefined;
  /** The payload is read as this actor, who has just signed in. */
  answerAs(actor: Actor): void;
}

/** A field of a payload: a row or a list of rows, in whose place `run` returns `Returned`, or null; or a value. */
export type PayloadField = { readonly description: string; readonly nullable?: boolean } & (
  | { readonly row: TypeDeclaration }
  | { readonly rows: TypeDeclaration }
  /** `value` is a type of type-graphql, or a list of one. */
  | { readonly value: object }
);

export interface Payload {
  readonly name: string;
  readonly description: string;
  readonly fields: Readonly<Record<string, PayloadField>>;
}

export interface Mutation extends MutationRule {
  readonly description: string;
  readonly input: {
    /** Made by `inputObject`. */
    readonly schema: z.ZodObject;
    /** What the argument is for. */
    readonly what: string;
    readonly isOptional?: boolean;
  };
  readonly payload: Payload | ClassType;
  /** Whether the payload is rows that always exist, and scalars, so that it may be answered with PostgreSQL's text. */
  readonly isPlanned?: boolean;
  /** @param input as GraphQL has coerced it */
  run(call: Call, input: unknown, request: MutationRequest): Promise<object>;
}

/** A mutation whose `run` gets the input as its schema checks it. */
export interface CheckedMutation<S extends z.ZodObject> extends Omit<Mutation, "input" | "run"> {
  readonly input: Omit<Mutation["input"], "schema"> & { readonly schema: S };
  /** @param input undefined where it may be left out, and was */
  run(call: Call, input: z.output<S>, request: MutationRequest): Promise<object>;
}

export function mutation<S extends z.ZodObject>(value: CheckedMutation<S>): Mutation {
  const { schema, isOptional } = value.input;
  return {
    ...value,
    run(call, input, request) {
      const given = isOptional && (input ?? undefined) === undefined ? {} : input;
      return value.run(call, checked(schema, given), request);
    },
  };
}
