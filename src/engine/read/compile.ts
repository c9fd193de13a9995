/** Compiles root fields, or rows whose ids resolvers hand in, to one SQL statement. */

import { type SQL, sql } from "drizzle-orm";
import { type FieldNode, GraphQLID, type GraphQLSchema } from "graphql";
import type { ActorAccess } from "../../auth/actor.js";
import { answerTooLong, badUserInput, MAX_CANDIDATES } from "../../errors.js";
import { isId, requireId } from "../../values/id.js";
import type { TypeDeclaration } from "../declaration.js";
import {
  Compilation,
  type CompilationGetter,
  type CompilationLimits,
  type CompilationRun,
  type CompilationStatement,
  compilationStatementOf,
} from "./compilation.js";
import { type Cost, costAmountOf, costOfBytes, costSum, requireObjectsAtMost } from "./cost.js";
import { isFieldTextLonger, maxFieldLengthOf } from "./field.js";
import { type JsonTemplate, jsonBytesOf, jsonLengthsOf, jsonOverflowBeyond, jsonTemplateOf } from "./json.js";
import { type QueryValue, type QueryVariables, queryArgumentOf } from "./query-value.js";
import { selectChangedRows, selectRowOfNode, selectRows, selectRowsOfNodes } from "./rows-by-id.js";
import { selectConnection, selectRow } from "./select.js";
import type { Fragments } from "./selection.js";
import type { Unit } from "./unit.js";

/** A compiled statement that answers units. */
export interface CompiledPlan extends CompilationStatement {
  /** Returns how many objects a run answers at most. @throws LIMIT_EXCEEDED where the names of one unit alone make the answer too long */
  objects(run: CompilationRun): number;
  /** @param row the columns of the statement's answer @returns the JSON text of each unit */
  texts(row: readonly (string | null)[]): string[];
  /** Whether the plan leaves something to a resolver, because the actor may not read it or the resolver makes the value. */
  readonly refused: boolean;
  /** Whether the plan finds every row by its key, and so is quick. */
  readonly isPointRead: boolean;
  /** Whether its texts may hold a number that no double holds (see NO_DOUBLE). */
  readonly sumsDoubles: boolean;
}

// Plans keep their getters. Made by functions of their own, getters hold no variable of the compilation.
const valueAt =
  <T>(index: number) =>
  (run: CompilationRun) =>
    run.values[index] as T;
const argumentIn =
  (argument: QueryValue | undefined): CompilationGetter =>
  (run) =>
    argument?.get(run.variables);
const idIn =
  (getter: CompilationGetter): CompilationGetter =>
  (run) =>
    requireId(getter(run), "id");

const bigint = (c: Compilation, getter: CompilationGetter) => sql`${c.param(getter, "id")}::bigint`;

/**
 * Returns the id that the argument gives, or the id of the only row whose identifier it gives. The statement fails where several rows
 * have it, and names them.
 */
function keyOf(
  c: Compilation,
  identifier: NonNullable<TypeDeclaration["identifier"]>,
  type: TypeDeclaration,
  argument: CompilationGetter,
): SQL {
  const { column, longColumn, goneSince, candidates } = identifier;
  const max = maxFieldLengthOf(column) ?? c.limits.valueCharacters;
  const text = (run: CompilationRun) => {
    const text = String(argument(run));
    if (isFieldTextLonger(text, max))
      throw badUserInput("id", `Give an id, or an identifier of at most ${max} characters.`);
    return text;
  };
  const id = bigint(c, (run) => (isId(text(run)) ? text(run) : null));
  const name = sql`${c.param((run) => (isId(text(run)) ? null : text(run)), "id")}::text`;
  const key = type.fields.id.column;
  const facts = Object.entries(candidates).map(([fact, column]) => sql`'${sql.raw(fact)}', ${column}`);
  const rows = sql`select ${key} as key, json_build_object('id', ${key}::text, ${sql.join(facts, sql`, `)}) as candidate from ${type.table}
    where (lower(${column}) = lower(${name}) or ${longColumn} = ${name}) and ${goneSince} is null
    order by ${key} limit ${sql.raw(String(MAX_CANDIDATES + 1))}`;
  return sql`coalesce(${id}, (select case when count(*) > 1 then raise_ambiguous(json_agg(named.candidate)) else min(named.key) end from (${rows}) named))`;
}

function select(c: Compilation, { target, nodes }: Unit, index: number, onRefusal: () => void) {
  if ("types" in target) {
    return target.kind === "node"
      ? selectRowOfNode(c, target.types, nodes, onRefusal, valueAt(index))
      : selectRowsOfNodes(c, target.types, nodes, onRefusal, valueAt(index));
  }
  const { kind, type } = target;
  if (kind === "connection") return selectConnection(c, type, nodes, onRefusal);
  if (kind === "returnedList") {
    return selectRows(c, type, nodes, onRefusal, valueAt(index));
  }
  if (kind === "changed") return selectChangedRows(c, type, nodes, onRefusal, valueAt(index));
  const getter = kind === "row" ? argumentIn(queryArgumentOf(nodes[0]!, "id", GraphQLID, c)) : valueAt(index);
  const key = kind === "row" && type.identifier ? keyOf(c, type.identifier, type, getter) : bigint(c, idIn(getter));
  const everything = kind === "own" ? () => undefined : undefined;
  return selectRow(
    c,
    type,
    nodes,
    onRefusal,
    (source) => sql`${source.column(type.fields.id.column)} = ${key}`,
    everything,
  );
}

/**
 * Compiles units to one statement. It answers several columns, because PostgreSQL would copy a single long text once more for each
 * level that it is put into.
 * @throws FORBIDDEN, BAD_USER_INPUT, LIMIT_EXCEEDED where the query cannot be planned
 */
export function compile(
  schema: GraphQLSchema,
  units: readonly Unit[],
  fragments: Fragments,
  variables: QueryVariables,
  access: ActorAccess,
  limits: CompilationLimits,
  cursorKey: string,
): CompiledPlan {
  const c = new Compilation(schema, access, fragments, variables, limits, cursorKey);
  let refused = false;
  let textLength = 0;
  const costs: Cost[] = [];
  const columns: SQL[] = [];
  const from: SQL[] = [];
  const answers = units.map((unit, index): Answer => {
    const { json, page, cost } = select(c, unit, index, () => {
      refused = true;
    });
    costs.push(costSum([cost, costOfBytes(jsonBytesOf(json))]));
    const { columns: values, length, fill } = jsonTemplateOf(json);
    textLength += length;
    const answer = { fill, offset: columns.length };
    const names = values.map((_, position) => sql.identifier(`c${answer.offset + position}`));
    const aliased = values.map((column, position) => sql`(${column})::text as ${names[position]}`);
    if (page) {
      const unitName = sql.identifier(`u${index}`);
      from.push(sql`(select ${sql.join(aliased, sql`, `)}${page}) ${unitName}`);
      columns.push(...names.map((name) => sql`${unitName}.${name}`));
    } else columns.push(...aliased);
    return answer;
  });
  const sources = from.length > 0 ? sql` from ${sql.join(from, sql`, `)}` : sql``;
  const texts = columns.map((_, position) => sql`a.${sql.identifier(`c${position}`)}`);
  const fits = sql`(${jsonLengthsOf(texts)}) * ${c.param(overflowFactor(limits.answerBytes, textLength), "answer")}::float8 >= 0`;
  // The plan outlives the request, and its closures hold the compilation.
  c.release();
  // `offset 0` keeps PostgreSQL from building the texts twice. Where they are too long, `fits` stops the statement before they are sent.
  const answered = sql`select ${sql.join(columns, sql`, `)}${sources} offset 0`;
  const statement = compilationStatementOf(
    texts.length > 0 ? sql`select a.* from (${answered}) a where ${fits}` : sql`select`,
  );
  const weight = statement.weight + textLength;
  const facts = { text: statement.text, weight, refused, isPointRead: !c.readsMany, sumsDoubles: c.sumsDoubles };
  return { ...facts, ...runsOf(statement, answers, costs, c.checks, limits) };
}

/** Gets the factor that makes the statement overflow where its columns and the text around them are too long together. */
const overflowFactor =
  (max: number, textLength: number): CompilationGetter =>
  ({ bytesLeft = max }) =>
    jsonOverflowBeyond(bytesLeft - textLength);

/** The place of a unit's columns in the row, and the function that makes its JSON of them. */
interface Answer extends Pick<JsonTemplate, "fill"> {
  readonly offset: number;
}

/** Makes the methods of a plan, outside of `compile`, whose scope holds the statement as objects. */
function runsOf(
  statement: CompilationStatement,
  answers: readonly Answer[],
  costs: readonly Cost[],
  checks: Compilation["checks"],
  { maxObjects, answerBytes }: CompilationLimits,
): Pick<CompiledPlan, "objects" | "texts" | "bind"> {
  const objects = (run: CompilationRun) =>
    costs.reduce((total, cost) => {
      const amount = costAmountOf(cost, run);
      if (amount.bytes > answerBytes) throw answerTooLong();
      return total + amount.objects;
    }, 0);
  return {
    objects,
    texts: (row) => answers.map(({ fill, offset }) => fill(row, offset)),
    bind(run) {
      for (const check of checks) check(run);
      if (run.bytesLeft !== undefined && run.bytesLeft <= 0) throw answerTooLong();
      requireObjectsAtMost(maxObjects, objects(run));
      return statement.bind(run);
    },
  };
}

/** More bytes than the names in one row take. With their true length each document would need a statement of its own. */
const MAX_NAMES_BYTES = 1_048_576;

/**
 * Compiles a unit for a changed row into the statement that changes the row.
 * @returns a template of one column, which reads `changed` (see Returning); undefined where the unit also asks for rows that may change
 * with this one, because the statement sees those as they were before
 */
export function compileReturning(
  schema: GraphQLSchema,
  type: TypeDeclaration,
  nodes: readonly FieldNode[],
  fragments: Fragments,
  variables: QueryVariables,
  access: ActorAccess,
  limits: CompilationLimits,
  cursorKey: string,
): JsonTemplate | undefined {
  const c = new Compilation(schema, access, fragments, variables, limits, cursorKey);
  let refused = false;
  const onRefusal = () => {
    refused = true;
  };
  const changed = c.source(type, sql`changed`);
  const { json } = selectRow(c, type, nodes, onRefusal, () => sql`true`, undefined, changed);
  c.release();
  const counting = type.countedBy === undefined ? undefined : type.relations[type.countedBy]?.to();
  const readsChangingRows = [type, counting].some((type) => type && c.referredTo.has(type));
  if (refused || c.readsMany || readsChangingRows) return undefined;
  const template = jsonTemplateOf(json);
  // An error would undo the change. So the statement leaves out an answer that is too long, and reading it fails afterwards.
  const max = sql.raw(`${limits.answerBytes - MAX_NAMES_BYTES}`);
  const columns = template.columns.map(
    (column) =>
      sql`(select case when octet_length(a.c) <= ${max} then a.c end from (select ${column} as c offset 0) a)`,
  );
  return { ...template, columns };
}
