/** Makes type-graphql classes of declarations: the figures over a list, and its groups. */
import { ArgsType, type ClassType, Field, Float, InputType, Int, ObjectType } from "type-graphql";
import type { TypeDeclaration } from "../declaration.js";
import { extremeFields, groupFields, keyFields, numberFields, TIME_BUCKETS } from "../read/aggregate.js";
import { groupFieldName, TIME_BUCKET } from "../read/shape.js";
import { add, enumOf, graphqlType, once, withArticle } from "./object-type.js";

const TimeBucket = enumOf(TIME_BUCKET, TIME_BUCKETS, "Spans of time, in UTC.", { WEEK: "From Monday." });

/** @returns the object type of the figures over a list */
export function aggregateType(declaration: TypeDeclaration): ClassType {
  const { name } = declaration;
  return once(`${name}Aggregate`, (target) => {
    ObjectType(`${name}Aggregate`, { description: `Figures over ${name} rows.` })(target);
    add(target, "count", () => Int, "How many rows.", false);
    if (numberFields(declaration).length > 0) {
      const numbers = numbersType(declaration);
      add(
        target,
        "sum",
        () => numbers,
        "The sum of each field, as the nearest Float; an error where it is beyond what a Float holds.",
        false,
      );
      add(target, "avg", () => numbers, "The mean of each field.", false);
    }
    const extremes = extremesType(declaration);
    add(target, "min", () => extremes, "The smallest value of each field.", false);
    add(target, "max", () => extremes, "The largest value of each field.", false);
  });
}

function numbersType(declaration: TypeDeclaration): ClassType {
  const { name } = declaration;
  return once(`${name}Numbers`, (target) => {
    ObjectType(`${name}Numbers`, { description: `A figure of each number of ${withArticle(name)}; null of no value.` })(
      target,
    );
    for (const [field, { description }] of numberFields(declaration)) add(target, field, () => Float, description);
  });
}

function extremesType(declaration: TypeDeclaration): ClassType {
  const { name } = declaration;
  return once(`${name}Extremes`, (target) => {
    ObjectType(`${name}Extremes`, { description: `A value of each field of ${withArticle(name)}; null of no value.` })(
      target,
    );
    for (const [fieldName, field] of extremeFields(declaration)) {
      const { type } = graphqlType(field);
      add(target, fieldName, () => type, field.description);
    }
  });
}

/** @returns the object type of a group of rows */
export function groupType(declaration: TypeDeclaration): ClassType {
  const { name } = declaration;
  const key = once(`${name}GroupKey`, (target) => {
    ObjectType(`${name}GroupKey`, {
      description: "What the rows of a group have in common; null what they are not grouped by, or what is absent.",
    })(target);
    for (const [fieldName, field] of keyFields(declaration)) {
      const { type } = graphqlType(field);
      add(target, fieldName, () => type, field.description);
    }
  });
  const aggregate = aggregateType(declaration);
  return once(`${name}Group`, (target) => {
    ObjectType(`${name}Group`, { description: `The ${name} rows that have something in common.` })(target);
    add(target, "key", () => key, "What they have in common.", false);
    add(target, "aggregate", () => aggregate, "Figures over them.", false);
  });
}

/** @returns the arguments of the groups of a list */
export function groupArgs(declaration: TypeDeclaration): ClassType {
  const { name } = declaration;
  const by = once(`${name}GroupBy`, (target) => {
    const fields = groupFields(declaration);
    const fieldEnum = enumOf(
      groupFieldName(name),
      [...fields.keys()],
      `What a list of ${name} can be grouped by.`,
      Object.fromEntries([...fields].map(([value, [, { description }]]) => [value, description])),
    );
    InputType(`${name}GroupBy`, { description: `One thing that the ${name} rows of a group have in common.` })(target);
    add(target, "field", () => fieldEnum, "What to group by.", false);
    add(target, "bucket", () => TimeBucket, "For a moment: the span of time it falls into. The key is its begin.");
  });
  return once(`${name}GroupsArgs`, (target) => {
    ArgsType()(target);
    add(target, "by", () => [by], "What to group by: one to five fields.", false);
    add(target, "first", () => Int, "How many groups: 100 unless given, at most 1,000.");
    Field(() => Boolean, {
      defaultValue: false,
      description: "The groups of most rows first, instead of by their keys.",
    })(target.prototype, "largestFirst");
  });
}
