/** Builds the JSON of a selection in SQL: objects, relations to one, and connections, to any depth. */
import { and, or, type SQL, sql } from "drizzle-orm";
import type { FieldNode } from "graphql";
import { mayReadDeclared, type TypeDeclaration } from "../declaration.js";
import { selectAggregate, selectAggregateGroups } from "./aggregate.js";
import type { Compilation } from "./compilation.js";
import { type Cost, costOfBytes, costOfObject, costSum, costTimes } from "./cost.js";
import { selectFieldOrEmbedded } from "./embedded.js";
import { compileFilter } from "./filter.js";
import {
  type Json,
  jsonAround,
  jsonBytesOf,
  jsonList,
  jsonObject,
  jsonOrNull,
  jsonRowOrNull,
  jsonTextOf,
  jsonTypename,
  quotedJson,
} from "./json.js";
import { NODE_ID_FIELD, writtenNodeId } from "./node-id.js";
import { Order } from "./order.js";
import { PageRows, pageSizeOf } from "./page.js";
import { queryArgumentOf } from "./query-value.js";
import { collectSelectionBelow } from "./selection.js";
import type { VisibilitySource } from "./visibility.js";

/** An expression that builds JSON, and what it costs. */
export interface Expression {
  readonly json: Json;
  /** The FROM clause, and what follows it, over which the expressions in `json` aggregate. It makes one row. */
  readonly page?: SQL;
  readonly cost: Cost;
}

/** @returns the JSON as part of another statement, with its page in a subquery */
const inPlace = ({ json, page }: Expression): Json =>
  page ? jsonAround(json, (text) => sql`(select ${text}${page})`) : json;

/** About the bytes of the error of a refused field, or of a value that its resolver makes. */
const REFUSAL_BYTES = 300;

/**
 * Builds one object over a row of the source. Fields that the actor may not read are left out, and their resolvers refuse them.
 * @param onRefusal called for each field that is left out or that a resolver finishes
 */
export function selectObject(
  c: Compilation,
  source: VisibilitySource,
  nodes: readonly FieldNode[],
  onRefusal: () => void,
): Expression {
  const { type } = source;
  const entries: [string, Json][] = [];
  const costs: Cost[] = [costOfObject];
  const refuse = () => {
    costs.push(costOfBytes(REFUSAL_BYTES));
    onRefusal();
  };
  for (const [key, below] of collectSelectionBelow(nodes, c.fragments, c.variables, type.name)) {
    const name = below[0].name.value;
    const field = type.fields[name];
    const relation = type.relations[name];
    if (name === "__typename") entries.push([key, jsonTypename(type.name)]);
    else if (name === NODE_ID_FIELD) entries.push([key, writtenNodeId(source)]);
    else if (field) {
      const value =
        mayReadDeclared(c.access.permissions, field.read) && selectFieldOrEmbedded(c, source, field, below, refuse);
      if (value) entries.push([key, value]);
      else refuse();
    } else if (relation) {
      const target = relation.to();
      if (!c.mayRead(target)) {
        refuse();
        continue;
      }
      if (relation.kind === "one") c.referredTo.add(target);
      const expression =
        relation.kind === "one"
          ? selectRow(
              c,
              target,
              below,
              onRefusal,
              (to) => sql`${to.column(target.fields.id.column)} = ${source.column(relation.column)}`,
            )
          : selectConnection(c, target, below, onRefusal, (to) => c.leadsBack(relation, to, source));
      entries.push([key, inPlace(expression)]);
      costs.push(expression.cost);
    }
  }
  return { json: jsonObject(entries), cost: costSum(costs) };
}

/** Selects the row that the condition names, where it is visible, or null. */
export function selectRow(
  c: Compilation,
  type: TypeDeclaration,
  nodes: readonly FieldNode[],
  onRefusal: () => void,
  condition: (source: VisibilitySource) => SQL,
  visible: (source: VisibilitySource) => SQL | undefined = (source) => c.visible(source),
  source: VisibilitySource = c.source(type),
): Expression {
  const where = and(condition(source), visible(source));
  const built = selectObject(c, source, nodes, onRefusal);
  return { json: jsonRowOrNull(built.json, sql` from ${source.from} where ${where}`), cost: built.cost };
}

/**
 * Selects a Relay connection over the rows of a type.
 * @param joined ties the rows to the parent's row, for a relation to many: by conditions of which each row meets one
 */
export function selectConnection(
  c: Compilation,
  type: TypeDeclaration,
  nodes: readonly FieldNode[],
  onRefusal: () => void,
  joined?: (source: VisibilitySource) => readonly SQL[],
): Expression {
  c.readsMany = true;
  const node = nodes[0]!;
  const argument = (name: string) => {
    const value = queryArgumentOf(node, name, c.argumentType(type, name), c);
    return value?.value === null ? undefined : value;
  };
  const [first, last, after, before] = [argument("first"), argument("last"), argument("after"), argument("before")];
  const [filter, orderBy] = [argument("filter"), argument("orderBy")];
  const reversed = last !== undefined && first === undefined;
  const size = pageSizeOf(c.limits.maxPageSize, c.limits.defaultPageSize, { first, last });

  const source = c.source(type);
  const order = new Order(c, source, orderBy);
  const ways = joined?.(source) ?? [];
  const isMeant = and(c.visible(source), filter && compileFilter(c, source, filter));
  const inList = and(or(...ways), isMeant);
  const beyond = [after && order.beyond(after, "after"), before && order.beyond(before, "before")];
  const where = (...conditions: (SQL | undefined)[]) => {
    const condition = and(...conditions);
    return condition ? sql` where ${condition}` : sql``;
  };
  const everyRow = sql` from ${source.from}${where(inList)}`;
  const exists = (condition: SQL) => sql`exists (select 1 from ${order.from}${where(inList, condition)})`;

  const selection = collectSelectionBelow(nodes, c.fragments, c.variables);
  const fields = [...selection].map(([key, of]) => ({ key, of, name: of[0].name.value }));
  // One row more than the page holds tells whether there is a next page.
  const overfetch = fields.some(({ name }) => name === "pageInfo");
  const limit = c.param(size, reversed ? "last" : "first");
  const onPage = overfetch ? sql` filter (where p.i <= ${limit}::int)` : sql``;
  const inOrder = overfetch || reversed ? (reversed ? sql` order by p.i desc` : sql` order by p.i`) : sql``;

  const page = new PageRows(overfetch || reversed);
  const costs: Cost[] = [];
  const listCosts: Cost[] = [];
  const listOf = (json: Json) => {
    costs.push(costOfBytes(jsonBytesOf(json)));
    return jsonList([sql`string_agg(${page.text(jsonTextOf(json))}, ','${inOrder})${onPage}`]);
  };
  const nodeObject = (of: readonly FieldNode[]) => {
    const built = selectObject(c, source, of, onRefusal);
    costs.push(built.cost);
    return built.json;
  };
  const edge = (of: readonly FieldNode[]) =>
    jsonObject(
      [...collectSelectionBelow(of, c.fragments, c.variables)].map(([key, below]): [string, Json] => {
        const name = below[0].name.value;
        costs.push(costOfObject);
        if (name === "cursor") return [key, quotedJson(order.cursor())];
        return [key, name === "node" ? nodeObject(below) : jsonTypename(`${type.name}Edge`)];
      }),
    );
  let cursor: SQL | undefined;
  const edgeCursor = (end: "first" | "last") => {
    cursor ??= page.text(order.cursor());
    const direction = (end === "first") === reversed ? sql`desc` : sql`asc`;
    return jsonOrNull(sql`'"' || (array_agg(${cursor} order by p.i ${direction})${onPage})[1] || '"'`);
  };
  const pageInfo = (of: readonly FieldNode[]) =>
    jsonObject(
      [...collectSelectionBelow(of, c.fragments, c.variables)].map(([key, below]): [string, Json] => {
        const more = [sql`(count(*) > ${limit}::int)::text`];
        // The list has rows on the other side of the page where some are not beyond the cursor of that side.
        const behind = (bound: SQL | undefined) => [
          bound ? sql`${exists(sql`(${bound}) is not true`)}::text` : "false",
        ];
        const values: Record<string, () => Json> = {
          __typename: () => jsonTypename("PageInfo"),
          hasNextPage: () => (reversed ? behind(beyond[1]) : more),
          hasPreviousPage: () => (reversed ? more : behind(beyond[0])),
          startCursor: () => edgeCursor("first"),
          endCursor: () => edgeCursor("last"),
        };
        return [key, values[below[0].name.value]!()];
      }),
    );

  const values: Record<string, (of: readonly FieldNode[]) => Json> = {
    __typename: () => jsonTypename(`${type.name}Connection`),
    nodes: (of) => listOf(nodeObject(of)),
    edges: (of) => listOf(edge(of)),
    pageInfo,
    totalCount: () => [sql`(select count(*)${everyRow})`],
    aggregate: (of) => selectAggregate(c, source, of, everyRow),
    groups: (of) => {
      const groups = selectAggregateGroups(c, source, of, everyRow);
      listCosts.push(groups.cost);
      return groups.json;
    },
  };
  const json = jsonObject(fields.map(({ key, of, name }): [string, Json] => [key, values[name]!(of)]));
  const most = sql`limit ${limit}::int${overfetch ? sql` + 1` : sql``}`;
  const rowsBy = (way: SQL | undefined) =>
    sql`select ${order.columns} from ${order.from}${where(way, isMeant, ...beyond)} order by ${order.by(reversed)} ${most}`;
  const [own, ...others] = (ways.length > 0 ? ways : [undefined]).map(rowsBy) as [SQL, ...SQL[]];
  // An index serves each way and the order, and none serves both ways at once.
  const rows =
    others.length === 0
      ? own
      : sql`select * from ((${sql.join([own, ...others], sql`) union all (`)})) ${source.name} order by ${order.by(reversed, "carried")} ${most}`;
  const needsPage = fields.some(({ name }) => name === "nodes" || name === "edges" || name === "pageInfo");
  return {
    json,
    ...(needsPage && { page: page.from(rows, source.name, c.limits.answerBytes, onPage) }),
    cost: costSum([costOfObject, ...listCosts, costTimes(size, costSum(costs))]),
  };
}
