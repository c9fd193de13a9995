/** Whose the rows of a specimen are: in SQL, and of rows in memory. */
import { camel, type Reference, type Specimen, tableOf } from "./specimen.js";

/** Whether rows belong to organizations at all. */
export const isOwned = ({ owner }: Specimen): boolean => typeof owner === "object";

/** @returns an expression for the organization that a row belongs to, or null for a row of the platform's */
function organizationOf({ owner }: Specimen, alias: string): string {
  if (typeof owner === "string") return "null";
  const column = `${alias}.${owner.column}`;
  if (!owner.of) return column;
  const inner = `${alias}_${owner.column}`;
  return `(select ${organizationOf(owner.of, inner)} from ${tableOf(owner.of)} ${inner} where ${inner}.id = ${column})`;
}

/** @returns the condition under which a row, called `alias`, exists for an organization */
export const ownedBy = (specimen: Specimen, organization: string, alias = "t"): string =>
  specimen.owner === "everyone" ? "true" : `${organizationOf(specimen, alias)} = ${organization}`;

/** @returns the condition under which a row, called `alias`, is another organization's, or nobody's */
export const notOwnedBy = (specimen: Specimen, organization: string, alias = "t"): string =>
  `${organizationOf(specimen, alias)} is distinct from ${organization}`;

type Row = Readonly<Record<string, unknown>>;

/** @returns the organization that a row belongs to; null is nobody's but the platform's @param find finds a row of a type by its key */
export function ownerOf(
  { owner }: Specimen,
  row: Row,
  find: (specimen: Specimen, id: unknown) => Row | undefined,
): unknown {
  if (typeof owner === "string") return null;
  const key = row[camel(owner.column)];
  if (!owner.of) return key;
  const further = find(owner.of, key);
  return further && ownerOf(owner.of, further, find);
}

/** A relation as the tables have it: of the row itself (`one`), or of the rows beyond (`many`). */
export interface Related {
  readonly from: Specimen;
  readonly name: string;
  readonly to: Specimen;
  readonly kind: "one" | "many";
  /** The column that refers, of whichever side has it. */
  readonly key: string;
  /** What lies between the rows beyond and the row itself: they refer to it, and it refers to the row by this column. */
  readonly between?: { readonly of: Specimen; readonly key: string };
  readonly shared?: Reference["shared"];
}

/** @returns the relations between specimens, there and back */
export const relationsOf = (specimens: readonly Specimen[]): Related[] =>
  specimens.flatMap((from) =>
    Object.entries(from.references).flatMap(([name, { to, column, inverse, through, shared }]): Related[] => {
      const there: Related = { from, name, to, kind: "one", key: column };
      if (!inverse) return [there];
      const onward = through === undefined ? undefined : to.references[through];
      const back = { name: inverse, to: from, kind: "many", key: column, shared } as const;
      return onward
        ? [there, { ...back, from: onward.to, between: { of: to, key: onward.column } }]
        : [there, { ...back, from: to }];
    }),
  );

/** The path of a relation, as the schema writes it. */
export const pathOf = ({ from, name }: Related): string => `${from.type.name}.${name}`;
