/** Makes type-graphql classes of declarations: filters and orders. */
import { type ClassType, Field, InputType } from "type-graphql";
import type { FieldDeclaration, TypeDeclaration } from "../declaration.js";
import { NULLS_ORDER_ENUM, ORDER_DIRECTION_ENUM, orderFieldEnumName } from "../read/enum-names.js";
import { filterFields } from "../read/filter.js";
import { isIndexed } from "../read/indexed.js";
import { OPERATORS_OF } from "../read/operators.js";
import { type OrderField, orderFields } from "../read/order.js";
import { addTypeField, enumTypeOf, graphqlType, objectTypeWithArticle, typeOnce } from "./object-type.js";

export const OrderDirection = enumTypeOf(
  ORDER_DIRECTION_ENUM,
  ["ASC", "DESC"],
  "Whether the smallest or the largest value comes first. Absent values count as the smallest.",
  { ASC: "The smallest value comes first.", DESC: "The largest value comes first." },
);

const NullsOrder = enumTypeOf(NULLS_ORDER_ENUM, ["FIRST", "LAST"], "Whether absent values come first or last.", {
  FIRST: "Absent values come first.",
  LAST: "Absent values come last.",
});

const EQUALITY_IN_ANY_CASE = "`eq`, `ne`, `in` and `notIn` ignore its case.";

/** The description of a field, with a warning where no index serves conditions on it and orders by it. */
const described = (field: FieldDeclaration) =>
  isIndexed(field) ? field.description : `${field.description} No index serves it.`;

const describedOrder = ({ path, field, relation }: OrderField) =>
  relation ? `\`${path}\`: ${field.description} No index serves it.` : described(field);

function operatorsType(field: FieldDeclaration): ClassType {
  const { type, name } = graphqlType(field);
  return typeOnce(`${name}Filter`, (target) => {
    InputType(`${name}Filter`, { description: `Conditions on ${objectTypeWithArticle(name)}; all of them must hold.` })(
      target,
    );
    for (const [operator, { operand, description }] of Object.entries(OPERATORS_OF[field.kind])) {
      const operandType = { value: type, list: [type], flag: Boolean }[operand];
      addTypeField(target, operator, () => operandType, description);
    }
  });
}

/** @returns the input type of conditions on the rows of a relation to many */
function listFilterType(declaration: TypeDeclaration): ClassType {
  const { name } = declaration;
  return typeOnce(`${name}ListFilter`, (target) => {
    const filter = filterType(declaration);
    InputType(`${name}ListFilter`, {
      description: `Conditions on the related ${name} rows that you may see; all of them must hold.`,
    })(target);
    addTypeField(target, "some", () => filter, "At least one of them matches.");
    addTypeField(target, "every", () => filter, "All of them match. This also holds where there are none.");
    addTypeField(target, "none", () => filter, "None of them matches.");
  });
}

/** @returns the input type of filters over rows of the type */
export function filterType(declaration: TypeDeclaration): ClassType {
  const { name } = declaration;
  return typeOnce(`${name}Filter`, (target) => {
    InputType(`${name}Filter`, {
      description: `Conditions on ${name} rows; all of them must hold. A condition on an absent value does not hold.`,
    })(target);
    for (const [fieldName, field] of filterFields(declaration)) {
      const operators = operatorsType(field);
      addTypeField(
        target,
        fieldName,
        () => operators,
        field.inAnyCase ? `${described(field)} ${EQUALITY_IN_ANY_CASE}` : described(field),
      );
    }
    for (const [relationName, relation] of Object.entries(declaration.relations)) {
      const related = relation.kind === "one" ? filterType(relation.to()) : listFilterType(relation.to());
      addTypeField(target, relationName, () => related, relation.description);
    }
    addTypeField(target, "and", () => [target], "All of these hold.");
    addTypeField(target, "or", () => [target], "At least one of these holds.");
    addTypeField(target, "not", () => target, "This does not hold.");
  });
}

/** @returns the input type of one term of an order of the type's rows */
export function orderType(declaration: TypeDeclaration): ClassType {
  const { name } = declaration;
  return typeOnce(`${name}Order`, (target) => {
    const fields = orderFields(declaration);
    const fieldEnum = enumTypeOf(
      orderFieldEnumName(name),
      [...fields.keys()],
      `The fields by which a list of ${name} can be ordered.`,
      Object.fromEntries([...fields].map(([value, field]) => [value, describedOrder(field)])),
    );
    InputType(`${name}Order`, { description: `One term of the order of a list of ${name}.` })(target);
    addTypeField(target, "field", () => fieldEnum, "The field to order by.", false);
    const direction = { defaultValue: "ASC", description: "Whether the smallest or the largest value comes first." };
    Field(() => OrderDirection as unknown as ClassType, direction)(target.prototype, "direction");
    const nulls = "Whether absent values come first or last. By default they count as the smallest.";
    addTypeField(target, "nulls", () => NullsOrder, nulls);
  });
}
