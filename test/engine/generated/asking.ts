/** Asks the app under test what an abstract query says, with cursors that the app itself gave out. */
import fc, { type Arbitrary } from "fast-check";
import { parse, print } from "graphql";
import type { TypeDeclaration } from "../../../src/engine/declaration.js";
import type { Answer, Client, TestApp } from "../../support/app.js";
import { cases } from "../../support/deep.js";
import { rootTypes } from "../../support/model.js";
import type { Query } from "./query.js";
import { smallest } from "./smaller.js";
import type { World } from "./world.js";
import { type Operation, write } from "./write.js";

/** Cursors by type, order and row, taken from answers to the administrator. */
export class Cursors {
  readonly #texts = new Map<string, Promise<string>>();
  /** How many requests this has sent. */
  asked = 0;

  constructor(
    private readonly admin: Client,
    private readonly world: World,
  ) {}

  #typeOf = (name: string): TypeDeclaration => this.world.types.find((type) => type.name === name)!;

  /** Asks for the cursor of the row in a list of that row alone. */
  async #ask(type: TypeDeclaration, orderBy: unknown, row: number): Promise<string> {
    const rows = this.world.rows(type);
    const text = `query($id: ID, $o: [${type.name}Order!]) {
      list: ${type.plural}(filter: { id: { eq: $id } }, orderBy: $o) { edges { cursor } }
    }`;
    this.asked++;
    const { data } = await this.admin.run(text, { id: rows[row % rows.length]!.id, o: orderBy ?? null });
    return data.list.edges[0].cursor;
  }

  /** @returns the operation of a query, with every cursor in it */
  async write(app: TestApp, query: Query): Promise<Operation> {
    const wanted = new Map<string, Promise<string>>();
    const key = (...parts: unknown[]) => JSON.stringify(parts);
    write(app.schema, query, (typeName, orderBy, row) => {
      const place = key(typeName, orderBy, row);
      const text = this.#texts.get(place) ?? this.#ask(this.#typeOf(typeName), orderBy, row);
      this.#texts.set(place, text);
      wanted.set(place, text);
      return "";
    });
    const texts = new Map<string, string>();
    for (const [place, text] of wanted) texts.set(place, await text);
    return write(app.schema, query, (...place) => texts.get(key(...place))!);
  }
}

/** @returns the lists that somebody may ask for, found out by asking */
export async function rootsOf(client: Client): Promise<string[]> {
  const found = await Promise.all(
    rootTypes.map(async ({ plural: many }) => {
      const { errors } = await client.run(`{ ${many}(first: 0) { __typename } }`);
      return errors ? [] : [many];
    }),
  );
  return found.flat();
}

/** What a failing query is shown as. */
export const shown = (text: string, variables: object): string =>
  `${print(parse(text))}\nvariables ${JSON.stringify(variables)}`;

export const body = ({ data, errors }: Pick<Answer, "data"> & Partial<Answer>): string =>
  JSON.stringify({ data, errors }, null, 1);

/** Two answers that must be the same and are not. */
export class Different extends Error {}

/** How many queries are under way at once. */
const LANES = 8;
/** Queries of the long form for each of the short one. */
const SHORTER = 8;

/**
 * Runs a check over generated queries, some at once; the first that fails is made smaller, and its failure thrown.
 * @param runs how many queries the long form asks, in all; the short form asks an eighth of them
 */
export async function checkAll(
  generated: Arbitrary<Query>,
  { seed, runs }: { readonly seed: number; readonly runs: number },
  check: (query: Query) => Promise<void>,
): Promise<void> {
  let failed: { readonly query: Query; readonly fault: Error } | undefined;
  const faultOf = (query: Query): Promise<Error | undefined> =>
    check(query).then(
      () => undefined,
      (error) => error,
    );
  const lanes = Array.from({ length: LANES }, async (_, lane) => {
    const property = fc.asyncProperty(generated, async (query) => {
      const fault = failed ? undefined : await faultOf(query);
      if (fault) failed ??= { query, fault };
    });
    const numRuns = Math.ceil(cases(runs / SHORTER, runs) / LANES);
    await fc.assert(property, { seed: seed * LANES + lane, numRuns, plugins: [fc.unbiased()] });
  });
  await Promise.all(lanes);
  if (!failed) return;
  // Without a part that must be there a query fails too, but otherwise.
  const kindOf = (fault: Error | undefined) =>
    fault instanceof Different ? (/"code": "(\w+)"/.exec(fault.message)?.[1] ?? "data") : undefined;
  const { query, fault } = failed;
  const kind = kindOf(fault);
  const less = kind ? await smallest(query, async (each) => kindOf(await faultOf(each)) === kind) : query;
  throw (await faultOf(less)) ?? fault;
}
