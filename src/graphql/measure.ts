/** What a document asks for, counted right after it is parsed: before validation, some of whose rules take the square of it. */
import { ApolloServerErrorCode } from "@apollo/server/errors";
import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  GraphQLError,
  type GraphQLNamedType,
  type GraphQLSchema,
  getNamedType,
  isObjectType,
  Kind,
  NoFragmentCyclesRule,
  type OperationDefinitionNode,
  type SelectionSetNode,
  TokenKind,
  validate,
} from "graphql";
import depthLimit from "graphql-depth-limit";
import type { Variables } from "../engine/read/query-value.js";
import { type AppError, limitExceeded } from "../errors.js";
import type { RequestLimits } from "../limits.js";
import { type Filters, filterCheck, mayHoldFilter } from "./filter-texts.js";

/** A response path. Fields that share it are one field of the answer, and validation compares each with each. */
interface Nesting {
  times: number;
  readonly below: Map<string, Nesting>;
}

/** A selection set that waits to be looked at. */
interface Step {
  readonly set: SelectionSetNode;
  readonly type: GraphQLNamedType | undefined;
  readonly places: Map<string, Nesting>;
  readonly isRoot: boolean;
}

interface Counts {
  rootFields: number;
  aliases: number;
  /** Root fields that ask of the schema. */
  schemas: number;
  types: number;
  readonly filters: Filters;
}

/** Looks at each selection wherever it is expanded, at so many in the whole document. */
class Measuring {
  #selections = 0;
  /** Pairs of fields that share a response path. */
  repeats = 0;
  /** A fragment is spread that does not exist. */
  isIncomplete = false;
  readonly #byName: ReadonlyMap<string, FragmentDefinitionNode>;
  readonly #spread = new Set<FragmentDefinitionNode>();

  constructor(
    private readonly schema: GraphQLSchema,
    private readonly fragments: readonly FragmentDefinitionNode[],
    private readonly limits: RequestLimits,
  ) {
    this.#byName = new Map(fragments.map((fragment) => [fragment.name.value, fragment]));
  }

  /** @throws LIMIT_EXCEEDED */
  operation({ operation, selectionSet }: OperationDefinitionNode): Counts {
    return this.#count(selectionSet, this.schema.getRootType(operation) ?? undefined);
  }

  /** Validation looks at fragments that no operation spreads, too. @throws LIMIT_EXCEEDED */
  unused(): void {
    for (const fragment of this.fragments) if (!this.#spread.has(fragment)) this.#count(fragment.selectionSet);
  }

  #count(set: SelectionSetNode, type?: GraphQLNamedType): Counts {
    const counts: Counts = { rootFields: 0, aliases: 0, schemas: 0, types: 0, filters: new Map() };
    // No recursion: a document may nest deeper than the stack.
    const steps: Step[] = [{ set, type, places: new Map(), isRoot: true }];
    for (let step = steps.pop(); step; step = steps.pop()) {
      for (const node of step.set.selections) {
        if (++this.#selections > this.limits.selections) {
          const message = `Its fragments expand to more than ${this.limits.selections} selections. Ask for less.`;
          throw limitExceeded("selections", message);
        }
        if (node.kind === Kind.INLINE_FRAGMENT) steps.push({ ...step, set: node.selectionSet });
        else if (node.kind === Kind.FIELD) this.#field(node, step, counts, steps);
        else {
          const fragment = this.#byName.get(node.name.value);
          if (!fragment) {
            this.isIncomplete = true;
            continue;
          }
          this.#spread.add(fragment);
          const on = this.schema.getType(fragment.typeCondition.name.value);
          steps.push({ ...step, set: fragment.selectionSet, type: on });
        }
      }
    }
    return counts;
  }

  #field(node: FieldNode, { type: parent, places, isRoot }: Step, counts: Counts, steps: Step[]): void {
    const name = node.name.value;
    const key = node.alias?.value ?? name;
    const place = places.get(key) ?? { times: 0, below: new Map() };
    places.set(key, place);
    this.repeats += place.times++;
    counts.aliases += node.alias ? 1 : 0;
    counts.rootFields += isRoot ? 1 : 0;
    counts.schemas += isRoot && name === "__schema" ? 1 : 0;
    counts.types += isRoot && name === "__type" ? 1 : 0;
    const field = isObjectType(parent) ? parent.getFields()[name] : undefined;
    for (const argument of node.arguments ?? []) {
      const type = field?.args.find((arg) => arg.name === argument.name.value)?.type;
      if (type && mayHoldFilter(argument, type)) {
        counts.filters.set(argument, { type, times: (counts.filters.get(argument)?.times ?? 0) + 1 });
      }
    }
    if (!node.selectionSet) return;
    steps.push({
      set: node.selectionSet,
      type: field && getNamedType(field.type),
      places: place.below,
      isRoot: false,
    });
  }
}

export interface Measured {
  /** @returns why the operation asks for too much, or null; every fragment that it spreads must exist */
  fault(): AppError | null;
  /** @throws LIMIT_EXCEEDED for variables with which its filters hold too much text */
  requireFilters(variables: Variables): void;
}

/** Documents are kept parsed, each by one instance of Postern, so that an operation that comes again is the same object. */
const measured = new WeakMap<OperationDefinitionNode, Measured>();

/** @returns what was counted of an operation; undefined before its document was measured */
export const measuredOf = (operation: OperationDefinitionNode): Measured | undefined => measured.get(operation);

function countFaultOf({ rootFields, aliases, schemas, types }: Counts, limits: RequestLimits): AppError | null {
  if (rootFields > limits.rootFields) {
    return limitExceeded("rootFields", `Ask for at most ${limits.rootFields} root fields at once.`);
  }
  // Whoever answers that does nothing else meanwhile, and the schema is large.
  if (schemas > 1 || types > limits.schemaTypes) {
    return limitExceeded("introspection", `Ask for the schema once, and for at most ${limits.schemaTypes} types.`);
  }
  const most = schemas + types > 0 ? limits.schemaAliases : limits.aliases;
  if (aliases > most) return limitExceeded("aliases", `Use at most ${most} aliases.`);
  return null;
}

/** Graphql-depth-limit walks a fragment wherever it is spread, which is bounded before. */
function depthFaultOf(
  schema: GraphQLSchema,
  operation: OperationDefinitionNode,
  fragments: readonly FragmentDefinitionNode[],
  { depth }: RequestLimits,
): AppError | null {
  // Of this operation alone, and without its name: the library looks at all operations, by names in a plain object.
  const alone: DocumentNode = { kind: Kind.DOCUMENT, definitions: [{ ...operation, name: undefined }, ...fragments] };
  const isTooDeep = validate(schema, alone, [depthLimit(depth)]).length > 0;
  return isTooDeep ? limitExceeded("depth", `Nest fields at most ${depth} deep.`) : null;
}

/** @throws LIMIT_EXCEEDED */
function requireShortParts({ loc }: DocumentNode, fragments: number, limits: RequestLimits): void {
  let directives = 0;
  for (let token = loc?.startToken; token; token = token.next ?? undefined) {
    if (token.kind === TokenKind.NAME && token.value.length > limits.nameCharacters) {
      throw limitExceeded("text", `Give names of at most ${limits.nameCharacters} characters.`);
    }
    if (token.kind === TokenKind.AT) directives++;
  }
  if (directives > limits.directives) throw limitExceeded("directives", `Use at most ${limits.directives} directives.`);
  if (fragments > limits.fragments) throw limitExceeded("fragments", `Define at most ${limits.fragments} fragments.`);
}

/** @throws GRAPHQL_VALIDATION_FAILED for fragments that spread each other in a circle, which nothing after this needs to expect */
function requireNoCircle(schema: GraphQLSchema, document: DocumentNode): void {
  const [circle] = validate(schema, document, [NoFragmentCyclesRule]);
  if (!circle) return;
  const extensions = { code: ApolloServerErrorCode.GRAPHQL_VALIDATION_FAILED, http: { status: 400 } };
  throw new GraphQLError(circle.message, { ...(circle.nodes && { nodes: circle.nodes }), extensions });
}

/**
 * Measures a document, each of its operations for itself.
 * @param operation the one that shall run
 * @throws LIMIT_EXCEEDED, GRAPHQL_VALIDATION_FAILED
 */
export function measure(
  schema: GraphQLSchema,
  document: DocumentNode,
  operation: OperationDefinitionNode | null | undefined,
  limits: RequestLimits,
): void {
  const fragments = document.definitions.filter((node) => node.kind === Kind.FRAGMENT_DEFINITION);
  requireShortParts(document, fragments.length, limits);
  if (fragments.length > 0) requireNoCircle(schema, document);
  const measuring = new Measuring(schema, fragments, limits);
  for (const node of document.definitions) {
    if (node.kind !== Kind.OPERATION_DEFINITION) continue;
    const counts = measuring.operation(node);
    const countFault = countFaultOf(counts, limits);
    let depthFault: AppError | null | undefined;
    measured.set(node, {
      fault() {
        // Of each operation only once it is to run: the library looks at all fragments for each.
        if (depthFault === undefined) depthFault = countFault ? null : depthFaultOf(schema, node, fragments, limits);
        return countFault ?? depthFault;
      },
      requireFilters: filterCheck(counts.filters, limits.filterBytes),
    });
  }
  measuring.unused();
  // The library expects that every fragment exists; validation refuses a document where one does not.
  const fault = operation && !measuring.isIncomplete && measuredOf(operation)?.fault();
  if (fault) throw fault;
  if (measuring.repeats > limits.repeats) {
    throw limitExceeded("selections", "It names the same fields again and again. Name each once in its place.");
  }
}
