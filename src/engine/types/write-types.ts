/** The write side of a declared type: the inputs and payloads of its mutations, and the checks of the inputs. */
import type { ClassType } from "type-graphql";
import { z } from "zod";
import { absent, idText, text, versionNumber } from "../../values/checked.js";
import type { TypeDeclaration } from "../declaration.js";
import { type InputFields, inputClasses, payloadClasses, type Verb } from "./write-classes.js";

export type { InputFields } from "./write-classes.js";

type Input = Readonly<Record<string, unknown>>;
type Keyed = Input & { readonly idempotencyKey?: string | undefined };
interface Matching {
  readonly filter: unknown;
  readonly expectedCount: number;
}

export interface WriteTypes {
  readonly type: TypeDeclaration;
  /** Rows that one call creates, at most. */
  readonly maxItems: number;
  /** The checks of the inputs. */
  readonly create: z.ZodType<Keyed>;
  readonly createMany: z.ZodType<Keyed & { readonly items: readonly Input[] }>;
  readonly update: z.ZodType<Input & { readonly id: string; readonly version: number }>;
  readonly updateMany: z.ZodType<Matching & { readonly changes: Input }>;
  readonly delete: typeof deletion;
  readonly deleteMany: z.ZodType<Matching>;
  readonly upsert: z.ZodType<Input>;
  /** Made when they are first asked for: by then every type that refers to this one is declared. */
  readonly classes: () => {
    readonly inputs: Readonly<Record<Verb, ClassType>>;
    readonly payloads: Readonly<Record<Verb, ClassType>>;
  };
  /** The relation that the items of one call share, whose id stands beside them. */
  readonly shared: string | undefined;
}

export const MAX_ITEMS = 1000;
const MAX_KEY = 100;

/** The name of a call, as its caller chose it. */
export const idempotencyKey = absent(text(MAX_KEY));
const deletion = z.object({ id: idText, version: versionNumber.nullish() });
const count = z.number({ error: "Give a number." }).int().min(0, "A number of rows is 0 or more.");
const matching = { filter: z.unknown(), expectedCount: count };

export interface WriteOptions {
  readonly create: InputFields;
  readonly update: InputFields;
  /** Where an upsert asks for something else than a creation. */
  readonly upsert?: InputFields;
  readonly shared?: string;
  readonly maxItems?: number;
}

export function writeTypes(type: TypeDeclaration, options: WriteOptions): WriteTypes {
  const { create, update, upsert = create, shared, maxItems = MAX_ITEMS } = options;
  const reference = `${shared}Id`;
  const item = Object.fromEntries(Object.entries(create).filter(([name]) => name !== reference));
  const makeClasses = () => ({
    inputs: inputClasses(type, { create, update, upsert, item, shared, maxItems }),
    payloads: payloadClasses(type, shared),
  });
  let classes: ReturnType<typeof makeClasses> | undefined;
  return {
    type,
    maxItems,
    shared,
    create: z.object({ ...create, idempotencyKey }),
    createMany: z.object({
      ...(shared && { [reference]: idText }),
      items: z.array(z.object(item)).min(1, "Give at least one item."),
      idempotencyKey,
    }) as unknown as WriteTypes["createMany"],
    update: z.object({ ...update, id: idText, version: versionNumber }),
    updateMany: z.object({ ...matching, changes: z.object(update) }),
    delete: deletion,
    deleteMany: z.object(matching),
    upsert: z.object(upsert),
    classes: () => (classes ??= makeClasses()),
  };
}
