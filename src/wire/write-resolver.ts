/** The mutations that create, update and delete rows of a declared type; each body only calls the service. */
import type { GraphQLResolveInfo } from "graphql";
import { Arg, type ClassType, Mutation, Resolver } from "type-graphql";
import type { Call } from "../auth/call.js";
import type { TypeDeclaration } from "../plan/declaration.js";
import { CurrentCall } from "./current-call.js";
import { addFieldResolver } from "./field-resolver.js";
import { objectType } from "./object-type.js";
import type { ReadContext } from "./read-resolver.js";
import type { WriteTypes } from "./write-types.js";

/** What the mutations call; each answers the id of the row. */
export interface RowService {
  create(call: Call, input: unknown): Promise<string>;
  update(call: Call, input: unknown): Promise<string>;
  delete(call: Call, input: unknown): Promise<string>;
}

/** @returns a resolver of a payload's field: reads, through the plan, the row whose id a mutation left there */
export function payloadResolver(payload: ClassType, field: string, type: TypeDeclaration): object {
  @Resolver(() => payload)
  class PayloadResolver {}
  const read = (parent: Record<string, string>, context: ReadContext, info: GraphQLResolveInfo) =>
    context.reads.row(type, parent[field] as string, info);
  addFieldResolver(PayloadResolver, field, () => objectType(type), read);
  return new PayloadResolver();
}

/** @returns resolver instances, for the container */
export function writeResolvers(writes: WriteTypes, service: RowService): object[] {
  const { type, classes, field, deletedField } = writes;

  @Resolver()
  class WriteResolver {
    @Mutation(() => classes.createPayload, {
      name: `create${type.name}`,
      nullable: true,
      description: `Creates a ${type.name}.`,
    })
    async create(
      @CurrentCall() call: Call,
      @Arg("input", () => classes.createInput, { description: "What to create." }) input: object,
    ) {
      return { [field]: await service.create(call, input) };
    }

    @Mutation(() => classes.updatePayload, {
      name: `update${type.name}`,
      nullable: true,
      description: `Changes a ${type.name}.`,
    })
    async update(
      @CurrentCall() call: Call,
      @Arg("input", () => classes.updateInput, { description: "What to change." }) input: object,
    ) {
      return { [field]: await service.update(call, input) };
    }

    @Mutation(() => classes.deletePayload, {
      name: `delete${type.name}`,
      nullable: true,
      description: `Deletes a ${type.name}.`,
    })
    async delete(
      @CurrentCall() call: Call,
      @Arg("input", () => classes.deleteInput, { description: "What to delete." }) input: object,
    ) {
      return { [deletedField]: await service.delete(call, input) };
    }
  }

  return [
    new WriteResolver(),
    payloadResolver(classes.createPayload, field, type),
    payloadResolver(classes.updatePayload, field, type),
  ];
}
