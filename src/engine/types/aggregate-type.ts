/** Makes type-graphql classes of declarations: the figures over a list, and its groups. */
import { ArgsType, type ClassType, Field, Float, InputType, Int, ObjectType } from "type-graphql";
import type { TypeDeclaration } from "../declaration.js";
import {
  AGGREGATE_TIME_BUCKETS,
  aggregateExtremeFields,
  aggregateGroupFields,
  aggregateKeyFields,
  aggregateNumberFields,
} from "../read/aggregate.js";
import { groupFieldEnumName, TIME_BUCKET_ENUM } from "../read/enum-names.js";
import { addTypeField, enumTypeOf, graphqlType, objectTypeWithArticle, typeOnce } from "./object-type.js";

export const TimeBucket = enumTypeOf(TIME_BUCKET_ENUM, AGGREGATE_TIME_BUCKETS, "A span of time in UTC.", {
  HOUR: "An hour.",
  DAY: "A day, which begins at midnight.",
  WEEK: "A week, which begins on Monday.",
  MONTH: "A month of the calendar.",
});

/** @returns the object type of the figures over a list */
export function aggregateType(declaration: TypeDeclaration): ClassType {
  const { name } = declaration;
  return typeOnce(`${name}Aggregate`, (target) => {
    ObjectType(`${name}Aggregate`, { description: `Figures over ${name} rows.` })(target);
    addTypeField(target, "count", () => Int, "The number of rows.", false);
    if (aggregateNumberFields(declaration).length > 0) {
      const numbers = numbersType(declaration);
      addTypeField(
        target,
        "sum",
        () => numbers,
        "The sum of each field, as the nearest Float. A sum beyond what a Float holds is an error.",
        false,
      );
      addTypeField(target, "avg", () => numbers, "The mean of each field.", false);
    }
    const extremes = extremesType(declaration);
    addTypeField(target, "min", () => extremes, "The smallest value of each field.", false);
    addTypeField(target, "max", () => extremes, "The largest value of each field.", false);
  });
}

function numbersType(declaration: TypeDeclaration): ClassType {
  const { name } = declaration;
  return typeOnce(`${name}Numbers`, (target) => {
    const description = `A figure of each number of ${objectTypeWithArticle(name)}. It is null where no row has a value.`;
    ObjectType(`${name}Numbers`, { description })(target);
    for (const [field, { description }] of aggregateNumberFields(declaration))
      addTypeField(target, field, () => Float, description);
  });
}

function extremesType(declaration: TypeDeclaration): ClassType {
  const { name } = declaration;
  return typeOnce(`${name}Extremes`, (target) => {
    const description = `A value of each field of ${objectTypeWithArticle(name)}. It is null where no row has a value.`;
    ObjectType(`${name}Extremes`, { description })(target);
    for (const [fieldName, field] of aggregateExtremeFields(declaration)) {
      const { type } = graphqlType(field);
      addTypeField(target, fieldName, () => type, field.description);
    }
  });
}

/** @returns the object type of a group of rows */
export function groupType(declaration: TypeDeclaration): ClassType {
  const { name } = declaration;
  const key = typeOnce(`${name}GroupKey`, (target) => {
    ObjectType(`${name}GroupKey`, {
      description:
        "The values that the rows of a group have in common. A field is null where they are not grouped by it or have no value.",
    })(target);
    for (const [fieldName, field] of aggregateKeyFields(declaration)) {
      const { type } = graphqlType(field);
      addTypeField(target, fieldName, () => type, field.description);
    }
  });
  const aggregate = aggregateType(declaration);
  return typeOnce(`${name}Group`, (target) => {
    ObjectType(`${name}Group`, { description: `The ${name} rows that have the values of a key in common.` })(target);
    addTypeField(target, "key", () => key, "The values that they have in common.", false);
    addTypeField(target, "aggregate", () => aggregate, "Figures over the rows of the group.", false);
  });
}

/** @returns the arguments of the groups of a list */
export function aggregateGroupArgs(declaration: TypeDeclaration): ClassType {
  const { name } = declaration;
  const by = typeOnce(`${name}GroupBy`, (target) => {
    const fields = aggregateGroupFields(declaration);
    const fieldEnum = enumTypeOf(
      groupFieldEnumName(name),
      [...fields.keys()],
      `The fields by which a list of ${name} can be grouped.`,
      Object.fromEntries([...fields].map(([value, [, { description }]]) => [value, description])),
    );
    InputType(`${name}GroupBy`, { description: `A field whose value the ${name} rows of a group have in common.` })(
      target,
    );
    addTypeField(target, "field", () => fieldEnum, "The field to group by.", false);
    addTypeField(
      target,
      "bucket",
      () => TimeBucket,
      "Groups moments by the span of time they fall into. The key is its begin.",
    );
  });
  return typeOnce(`${name}GroupsArgs`, (target) => {
    ArgsType()(target);
    addTypeField(target, "by", () => [by], "One to five fields to group by.", false);
    addTypeField(target, "first", () => Int, "The number of groups: 100 by default, at most 1,000.");
    Field(() => Boolean, {
      defaultValue: false,
      description: "Orders the groups by their number of rows, the largest first, instead of by their keys.",
    })(target.prototype, "largestFirst");
  });
}
