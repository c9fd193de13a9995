/** Measures a document right after it is parsed, before validation, because the time of some rules grows with the square of its size. */
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
import { MUTATION_IS_ALONE } from "../engine/mutation.js";
import type { QueryVariables } from "../engine/read/query-value.js";
import { type AppError, badUserInput, limitExceeded } from "../errors.js";
import type { RequestLimits } from "../limits.js";
import { type FilterTexts, filterTextsCheck, mayHoldFilterTexts } from "./filter-texts.js";

/** A response path. Validation compares all fields that share a path with each other. */
interface ResponsePath {
  times: number;
  readonly below: Map<string, ResponsePath>;
}

/** A selection set that is still to be counted. */
interface Step {
  readonly set: SelectionSetNode;
  readonly type: GraphQLNamedType | undefined;
  readonly paths: Map<string, ResponsePath>;
  readonly isRoot: boolean;
}

interface Counts {
  rootFields: number;
  aliases: number;
  /** The number of root fields `__schema`. */
  schemas: number;
  types: number;
  /** A root field that must be the only one. */
  alone: string | undefined;
  readonly filters: FilterTexts;
}

/** Counts each selection wherever its fragment is spread, up to a limit for the whole document. */
class Measurement {
  #selections = 0;
  /** The number of pairs of fields that share a response path. */
  repeats = 0;
  /** Whether the document spreads a fragment that it does not define. */
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

  /** Counts an operation. @throws LIMIT_EXCEEDED */
  countOperation({ operation, selectionSet }: OperationDefinitionNode): Counts {
    return this.#count(selectionSet, this.schema.getRootType(operation) ?? undefined);
  }

  /** Counts the fragments that no operation spreads, because validation looks at them too. @throws LIMIT_EXCEEDED */
  countUnusedFragments(): void {
    for (const fragment of this.fragments) if (!this.#spread.has(fragment)) this.#count(fragment.selectionSet);
  }

  #count(set: SelectionSetNode, type?: GraphQLNamedType): Counts {
    const counts: Counts = { rootFields: 0, aliases: 0, schemas: 0, types: 0, alone: undefined, filters: new Map() };
    // Steps replace recursion, because a document may nest deeper than the stack.
    const steps: Step[] = [{ set, type, paths: new Map(), isRoot: true }];
    for (let step = steps.pop(); step; step = steps.pop()) {
      for (const node of step.set.selections) {
        if (++this.#selections > this.limits.selections) {
          const message = `Its fragments expand to more than ${this.limits.selections} selections. Ask for less.`;
          throw limitExceeded("selections", message);
        }
        if (node.kind === Kind.INLINE_FRAGMENT) {
          const on = node.typeCondition ? this.schema.getType(node.typeCondition.name.value) : step.type;
          steps.push({ ...step, set: node.selectionSet, type: on });
        } else if (node.kind === Kind.FIELD) this.#field(node, step, counts, steps);
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

  #field(node: FieldNode, { type: parent, paths, isRoot }: Step, counts: Counts, steps: Step[]): void {
    const name = node.name.value;
    const key = node.alias?.value ?? name;
    const path = paths.get(key) ?? { times: 0, below: new Map() };
    paths.set(key, path);
    this.repeats += path.times++;
    counts.aliases += node.alias ? 1 : 0;
    counts.rootFields += isRoot ? 1 : 0;
    counts.schemas += isRoot && name === "__schema" ? 1 : 0;
    counts.types += isRoot && name === "__type" ? 1 : 0;
    const field = isObjectType(parent) ? parent.getFields()[name] : undefined;
    if (isRoot && field?.extensions[MUTATION_IS_ALONE]) counts.alone = name;
    for (const argument of node.arguments ?? []) {
      const type = field?.args.find((arg) => arg.name === argument.name.value)?.type;
      if (type && mayHoldFilterTexts(argument, type)) {
        counts.filters.set(argument, { type, times: (counts.filters.get(argument)?.times ?? 0) + 1 });
      }
    }
    if (!node.selectionSet) return;
    steps.push({
      set: node.selectionSet,
      type: field && getNamedType(field.type),
      paths: path.below,
      isRoot: false,
    });
  }
}

interface MeasuredDocument {
  /** Every fragment that the operation spreads must exist. @returns why the operation asks for too much, or null */
  fault(): AppError | null;
  /** @throws LIMIT_EXCEEDED for variables with which its filters hold too much text */
  requireFilters(variables: QueryVariables): void;
}

/** The measured operations, by identity: documents are kept parsed, so that an operation that comes again is the same object. */
const measured = new WeakMap<OperationDefinitionNode, MeasuredDocument>();

/** @returns what was counted of an operation; undefined before its document was measured */
export const measuredOf = (operation: OperationDefinitionNode): MeasuredDocument | undefined => measured.get(operation);

function countFaultOf({ rootFields, aliases, schemas, types, alone }: Counts, limits: RequestLimits): AppError | null {
  if (rootFields > limits.rootFields) {
    return limitExceeded("rootFields", `Ask for at most ${limits.rootFields} root fields at once.`);
  }
  if (alone !== undefined && rootFields > 1) {
    return badUserInput(
      "query",
      `Send \`${alone}\` alone: an operation that holds it has no other root field, and it once.`,
    );
  }
  // The schema is large, and this process does nothing else while it answers.
  if (schemas > 1 || types > limits.schemaTypes) {
    return limitExceeded("introspection", `Ask for the schema once, and for at most ${limits.schemaTypes} types.`);
  }
  const max = schemas + types > 0 ? limits.schemaAliases : limits.aliases;
  if (aliases > max) return limitExceeded("aliases", `Use at most ${max} aliases.`);
  return null;
}

/** Checks the depth with graphql-depth-limit. It walks a fragment wherever it is spread, whose number has been limited before. */
function depthFaultOf(
  schema: GraphQLSchema,
  operation: OperationDefinitionNode,
  fragments: readonly FragmentDefinitionNode[],
  { depth }: RequestLimits,
): AppError | null {
  // The library walks all operations, and puts their names into a plain object. So it gets this operation alone and without its name.
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

/** Refuses circles, so that nothing after this needs to expect one. @throws GRAPHQL_VALIDATION_FAILED */
function requireNoCircle(schema: GraphQLSchema, document: DocumentNode): void {
  const [circle] = validate(schema, document, [NoFragmentCyclesRule]);
  if (!circle) return;
  const extensions = { code: ApolloServerErrorCode.GRAPHQL_VALIDATION_FAILED, http: { status: 400 } };
  throw new GraphQLError(circle.message, { ...(circle.nodes && { nodes: circle.nodes }), extensions });
}

/**
 * Measures each operation of a document.
 * @param operation the operation that is to run
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
  const measurement = new Measurement(schema, fragments, limits);
  for (const node of document.definitions) {
    if (node.kind !== Kind.OPERATION_DEFINITION) continue;
    const counts = measurement.countOperation(node);
    const countFault = countFaultOf(counts, limits);
    let depthFault: AppError | null | undefined;
    measured.set(node, {
      fault() {
        // The depth is measured only when the operation is to run, because the library walks all fragments for each operation.
        if (depthFault === undefined) depthFault = countFault ? null : depthFaultOf(schema, node, fragments, limits);
        return countFault ?? depthFault;
      },
      requireFilters: filterTextsCheck(counts.filters, limits.filterBytes),
    });
  }
  measurement.countUnusedFragments();
  // The library expects that every fragment exists. Validation refuses documents where one does not.
  const fault = operation && !measurement.isIncomplete && measuredOf(operation)?.fault();
  if (fault) throw fault;
  if (measurement.repeats > limits.repeats) {
    throw limitExceeded("selections", "It names the same fields again and again. Name each once in its place.");
  }
}
