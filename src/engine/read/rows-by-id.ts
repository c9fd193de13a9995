/** Selects rows by ids that come with the request: those that a mutation returned or that have changed, and rows of any type by node ids. */
import { and, type SQL, sql } from "drizzle-orm";
import type { FieldNode } from "graphql";
import { declaredQueryPermissions, mayReadDeclared, type TypeDeclaration } from "../declaration.js";
import type { Compilation, CompilationGetter, CompilationRun } from "./compilation.js";
import { type Cost, costListLength, costOfBytes, costSum, costTimes } from "./cost.js";
import { compileFilter } from "./filter.js";
import { jsonAtMost, jsonBytesOf, jsonList, jsonTextOf } from "./json.js";
import type { NodeKey } from "./node-id.js";
import { queryArgumentOf } from "./query-value.js";
import { type Expression, selectObject, selectRow } from "./select.js";
import type { VisibilitySource } from "./visibility.js";

/**
 * @returns a query for the JSON of the visible rows, with their positions in the list
 * @param ids gets the list; null finds nothing @param meant what else must hold
 */
function positionedRows(
  c: Compilation,
  type: TypeDeclaration,
  nodes: readonly FieldNode[],
  onRefusal: () => void,
  ids: CompilationGetter,
  meant: (source: VisibilitySource) => SQL | undefined = () => undefined,
): { rows: SQL; cost: Cost } {
  c.readsMany = true;
  const source = c.source(type);
  const built = selectObject(c, source, nodes, onRefusal);
  const given = sql`jsonb_array_elements_text(${c.param((run) => JSON.stringify(ids(run)), "id")}::text::jsonb) with ordinality as given (id, position)`;
  const joined = sql`${source.column(type.fields.id.column)} = given.id::bigint`;
  const from = sql`${given} join ${source.from} on ${and(joined, c.visible(source), meant(source))}`;
  return {
    rows: sql`select ${jsonTextOf(built.json)} as c, given.position from ${from} offset 0`,
    cost: costSum([built.cost, costOfBytes(jsonBytesOf(built.json))]),
  };
}

/** Selects the visible rows with these ids, in their order. @param ids gets the list of ids */
export function selectRows(
  c: Compilation,
  type: TypeDeclaration,
  nodes: readonly FieldNode[],
  onRefusal: () => void,
  ids: CompilationGetter,
): Expression {
  const { rows, cost } = positionedRows(c, type, nodes, onRefusal, ids);
  const fits = jsonAtMost(c.limits.answerBytes, [sql`r.c`]);
  return {
    json: jsonList([sql`(select string_agg(r.c, ',' order by r.position) from (${rows}) r having ${fits})`]),
    cost: costTimes(costListLength(ids), cost),
  };
}

const NULL = "null";

/** @returns the types of which the actor may ask for a row @param onRefusal called where some are left out */
function queriedTypes(c: Compilation, types: readonly TypeDeclaration[], onRefusal: () => void): TypeDeclaration[] {
  const queried = types.filter((type) => mayReadDeclared(c.access.permissions, declaredQueryPermissions(type)));
  if (queried.length < types.length) onRefusal();
  return queried;
}

/** Selects the visible row that a node id names, or null. @param types its type, or none where there is no such type */
export function selectRowOfNode(
  c: Compilation,
  types: readonly TypeDeclaration[],
  nodes: readonly FieldNode[],
  onRefusal: () => void,
  key: (run: CompilationRun) => NodeKey,
): Expression {
  const [type] = queriedTypes(c, types, onRefusal);
  if (!type) return { json: [NULL], cost: costSum([]) };
  const id = c.param((run) => key(run).id, "nodeId");
  return selectRow(c, type, nodes, onRefusal, ({ column }) => sql`${column(type.fields.id.column)} = ${id}::bigint`);
}

/**
 * Selects the visible rows that node ids name, in their order, and null where there is none. Each type has a list of its own, which joins
 * its rows: of `["User:1", "Scan:7", "User:2"]` that of users is `["1", null, "2"]`.
 * @param types the types that the ids of this request name
 */
export function selectRowsOfNodes(
  c: Compilation,
  types: readonly TypeDeclaration[],
  nodes: readonly FieldNode[],
  onRefusal: () => void,
  keys: (run: CompilationRun) => readonly NodeKey[],
): Expression {
  const lists = queriedTypes(c, types, onRefusal).map((type) => {
    const ids = (run: CompilationRun) => keys(run).map((key) => (key.type === type ? key.id : null));
    const { rows, cost } = positionedRows(c, type, nodes, onRefusal, ids);
    return { rows: sql`(${rows})`, cost: costTimes((run) => ids(run).filter((id) => id !== null).length, cost) };
  });
  return withGaps(c, lists, keys, "nodeIds");
}

/** @returns the list of what the queries find, with null where they find nothing @param ids gets the whole list */
function withGaps(
  c: Compilation,
  lists: readonly { readonly rows: SQL; readonly cost: Cost }[],
  ids: (run: CompilationRun) => readonly unknown[],
  argument: string,
): Expression {
  const none = sql`values (null::text, null::bigint)`;
  const found = sql.join([none, ...lists.map(({ rows }) => rows)], sql` union all `);
  const length = c.param((run) => ids(run).length, argument);
  const fits = jsonAtMost(c.limits.answerBytes, [sql`r.c`]);
  const positions = sql`generate_series(1, ${length}::int) as given (position)`;
  return {
    json: jsonList([
      sql`(select string_agg(coalesce(r.c, 'null'), ',' order by given.position)
        from ${positions} left join (${found}) r (c, position) on r.position = given.position having ${fits})`,
    ]),
    cost: costSum([costTimes(costListLength(ids), costOfBytes(NULL.length)), ...lists.map(({ cost }) => cost)]),
  };
}

/** Selects the visible rows with these ids that the field's filter matches, in their order, and null in place of the others. */
export function selectChangedRows(
  c: Compilation,
  type: TypeDeclaration,
  nodes: readonly FieldNode[],
  onRefusal: () => void,
  ids: (run: CompilationRun) => readonly string[],
): Expression {
  const given = queryArgumentOf(nodes[0]!, "filter", c.argumentType(type, "filter"), c);
  const filter = given?.value === null ? undefined : given;
  const { rows, cost } = positionedRows(
    c,
    type,
    nodes,
    onRefusal,
    ids,
    (source) => filter && compileFilter(c, source, filter),
  );
  return withGaps(c, [{ rows: sql`(${rows})`, cost: costTimes(costListLength(ids), cost) }], ids, "ids");
}
