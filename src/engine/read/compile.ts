/** Root fields (and rows that resolvers hand in) -> one SQL statement. */
import { type SQL, sql } from "drizzle-orm";
import { type FieldNode, GraphQLID, type GraphQLSchema } from "graphql";
import type { Access } from "../../auth/actor.js";
import { answerTooLong, badUserInput, limitExceeded } from "../../errors.js";
import { isId, requireId } from "../../values/id.js";
import type { TypeDeclaration } from "../declaration.js";
import { Compilation, type Getter, type PlanLimits, type Run, type Statement, statementOf } from "./compilation.js";
import { amountOf, type Cost, sum, writing } from "./cost.js";
import { isLonger, maxLengthOf } from "./field.js";
import { bytesOf, lengthsOf, overflowBeyond, type Template, templateOf } from "./json.js";
import { argumentOf, type QueryValue, type Variables } from "./query-value.js";
import { selectConnection, selectRow, selectRows } from "./select.js";
import type { Fragments } from "./selection.js";

/**
 * What a field answers:
 * - `row`: the visible row whose id is the argument `id`
 * - `connection`: the visible rows
 * - `given`: the visible row whose id a resolver hands in
 * - `givenList`: the visible rows whose ids a resolver hands in, in their order
 * - `own`: the actor's own row, which it may always read
 */
export interface ReadTarget {
  readonly kind: "row" | "connection" | "given" | "givenList" | "own";
  readonly type: TypeDeclaration;
}

/** One field to read, with everything that its selection asks for. */
export interface Unit {
  /** Where the answer stands in the response, such as `createScan.scan`. */
  readonly key: string;
  readonly target: ReadTarget;
  readonly nodes: readonly FieldNode[];
}

export interface Plan extends Statement {
  /** How many objects a run answers at most. @throws LIMIT_EXCEEDED where the names alone of one unit make too long an answer */
  objects(run: Run): number;
  /** @param row what the statement answers @returns the JSON text of each unit */
  texts(row: readonly (string | null)[]): string[];
  /** Whether something was left out because the actor may not read it. */
  readonly refused: boolean;
  /** Whether it finds every row by its key, and is soon done. */
  readonly isPointRead: boolean;
  /** Whether its texts may hold a number that no double holds (see aggregate.ts). */
  readonly sumsDoubles: boolean;
}

// Getters outlive the statement: made in here, they hold nothing of it.
const valueAt =
  (index: number): Getter =>
  (run) =>
    run.values[index];
const argumentIn =
  (reference: QueryValue | undefined): Getter =>
  (run) =>
    reference?.get(run.variables);
const idIn =
  (given: Getter): Getter =>
  (run) =>
    requireId(given(run), "id");

const bigint = (c: Compilation, getter: Getter) => sql`${c.param(getter, "id")}::bigint`;

/** The id itself, or the only row that has it as its identifier. */
function keyOf(
  c: Compilation,
  identifier: NonNullable<TypeDeclaration["identifier"]>,
  type: TypeDeclaration,
  given: Getter,
): SQL {
  const { column, goneSince } = identifier;
  const most = maxLengthOf(column) ?? c.limits.valueCharacters;
  const text = (run: Run) => {
    const text = String(given(run));
    if (isLonger(text, most)) throw badUserInput("id", `Give an id, or an identifier of at most ${most} characters.`);
    return text;
  };
  const id = bigint(c, (run) => (isId(text(run)) ? text(run) : null));
  const named = sql`lower(${column}) = lower(${c.param((run) => (isId(text(run)) ? null : text(run)), "id")}::text)`;
  const key = type.fields.id.column;
  return sql`coalesce(${id}, (select case when count(*) = 1 then min(${key}) end from ${type.table} where ${named} and ${goneSince} is null))`;
}

function select(c: Compilation, { target, nodes }: Unit, index: number, onRefusal: () => void) {
  const { kind, type } = target;
  if (kind === "connection") return selectConnection(c, type, nodes, onRefusal);
  if (kind === "givenList") {
    return selectRows(c, type, nodes, onRefusal, valueAt(index));
  }
  const given = kind === "row" ? argumentIn(argumentOf(nodes[0]!, "id", GraphQLID, c)) : valueAt(index);
  const key = kind === "row" && type.identifier ? keyOf(c, type.identifier, type, given) : bigint(c, idIn(given));
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

/** @throws LIMIT_EXCEEDED where a request could answer more objects */
export function requireAtMost(most: number, objects: number): void {
  if (objects <= most) return;
  const message = `This could answer ${objects} objects; at most ${most} are allowed. Ask for smaller pages.`;
  throw limitExceeded("cost", message);
}

/**
 * Several columns instead of one text: PostgreSQL would copy a long text once more for each level that it is put into.
 * @throws FORBIDDEN, BAD_USER_INPUT, LIMIT_EXCEEDED where the query asks for what cannot be planned
 */
export function compile(
  schema: GraphQLSchema,
  units: readonly Unit[],
  fragments: Fragments,
  variables: Variables,
  access: Access,
  limits: PlanLimits,
  cursorKey: string,
): Plan {
  const c = new Compilation(schema, access, fragments, variables, limits, cursorKey);
  let refused = false;
  let between = 0;
  const costs: Cost[] = [];
  const columns: SQL[] = [];
  const from: SQL[] = [];
  const answers = units.map((unit, index): Answer => {
    const { json, page, cost } = select(c, unit, index, () => {
      refused = true;
    });
    costs.push(sum([cost, writing(bytesOf(json))]));
    const { columns: values, length, fill } = templateOf(json);
    between += length;
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
  const fits = sql`(${lengthsOf(texts)}) * ${c.param(beyond(limits.answerBytes, between), "answer")}::float8 >= 0`;
  // The plan outlives the request that it was compiled for, and its closures hold the compilation.
  c.release();
  // `offset 0`: what is measured is not built a second time. What is too long stops the statement, and is not sent.
  const answered = sql`select ${sql.join(columns, sql`, `)}${sources} offset 0`;
  const statement = statementOf(texts.length > 0 ? sql`select a.* from (${answered}) a where ${fits}` : sql`select`);
  const weight = statement.weight + between;
  const facts = { text: statement.text, weight, refused, isPointRead: !c.readsMany, sumsDoubles: c.sumsDoubles };
  return { ...facts, ...runsOf(statement, answers, costs, c.checks, limits) };
}

/** The getters of what stops the statement, where what the statement answers is too long together with what is put `between`. */
const beyond =
  (most: number, between: number): Getter =>
  ({ bytesLeft = most }) =>
    overflowBeyond(bytesLeft - between);

/** Where the answer of a unit begins in the row, and what makes it its JSON. */
interface Answer extends Pick<Template, "fill"> {
  readonly offset: number;
}

/** Apart from the compiling, whose scope holds the statement as objects. */
function runsOf(
  statement: Statement,
  answers: readonly Answer[],
  costs: readonly Cost[],
  checks: Compilation["checks"],
  { maxObjects, answerBytes }: PlanLimits,
): Pick<Plan, "objects" | "texts" | "bind"> {
  const objects = (run: Run) =>
    costs.reduce((total, cost) => {
      const amount = amountOf(cost, run);
      if (amount.bytes > answerBytes) throw answerTooLong();
      return total + amount.objects;
    }, 0);
  return {
    objects,
    texts: (row) => answers.map(({ fill, offset }) => fill(row, offset)),
    bind(run) {
      for (const check of checks) check(run);
      if (run.bytesLeft !== undefined && run.bytesLeft <= 0) throw answerTooLong();
      requireAtMost(maxObjects, objects(run));
      return statement.bind(run);
    },
  };
}

/** More than the names in one row take. Their true length would give each document a statement of its own. */
const MAX_NAMES_BYTES = 1_048_576;

/**
 * @param unit asks for a changed row
 * @returns its JSON, of one column, read from `changed` (see Returning); undefined where other rows are asked for that may change
 * with it: a statement sees those as they were before
 */
export function compileReturning(
  schema: GraphQLSchema,
  { target: { type }, nodes }: Unit,
  fragments: Fragments,
  variables: Variables,
  access: Access,
  limits: PlanLimits,
  cursorKey: string,
): Template | undefined {
  const c = new Compilation(schema, access, fragments, variables, limits, cursorKey);
  let refused = false;
  const onRefusal = () => {
    refused = true;
  };
  const changed = c.source(type, sql`changed`);
  const { json } = selectRow(c, type, nodes, onRefusal, () => sql`true`, undefined, changed);
  c.release();
  const counting = type.countedBy === undefined ? undefined : type.relations[type.countedBy]?.to();
  const changesToo = [type, counting].some((type) => type && c.referredTo.has(type));
  if (refused || c.readsMany || changesToo) return undefined;
  const template = templateOf(json);
  // A fault would undo the change. What is too long is left out, and its reading fails afterwards.
  const most = sql.raw(`${limits.answerBytes - MAX_NAMES_BYTES}`);
  const columns = template.columns.map(
    (column) =>
      sql`(select case when octet_length(a.c) <= ${most} then a.c end from (select ${column} as c offset 0) a)`,
  );
  return { ...template, columns };
}
