/** The query `planOperation`. What costs more than a look at the instance is found out only where it is asked for. */
import type { GraphQLResolveInfo } from "graphql";
import { Arg, Ctx, FieldResolver, Info, Query, Resolver, Root } from "type-graphql";
import type { Actor } from "../../../auth/actor.js";
import { inputType } from "../../../engine/types/input-type.js";
import { NamedFields } from "../../../engine/types/named-fields.js";
import { objectType } from "../../../engine/types/object-type.js";
import type { ReadContext } from "../../../engine/types/read-resolver.js";
import { checked } from "../../../values/checked.js";
import { OPERATION_DECLARATIONS } from "../../../values/operations/declarations.js";
import { Instance } from "../inventory/index.js";
import type { OperationRequestInput } from "./operations.inputs.js";
import { PlanOperationInput } from "./planning.inputs.js";
import type { PlannedRequest, Planning } from "./planning.service.js";
import { OperationPlan, PlannedClash, PlannedFigures, PlannedLastRuns } from "./planning.types.js";

// type-graphql must know it before it builds the schema.
const Input = inputType(PlanOperationInput);

/** The part of a request's context that the query needs. */
interface PlanContext extends ReadContext {
  readonly actor: Actor;
}

/** What the fields of a plan are answered from. */
interface Source {
  readonly planned: PlannedRequest;
  /** Asks the provider once, however many fields need it. */
  readonly refusal: () => ReturnType<Planning["refusalOf"]>;
}

@Resolver(() => OperationPlan)
export class PlanningResolver {
  constructor(private readonly planning: Planning) {}

  @Query(() => OperationPlan, {
    nullable: true,
    description:
      "What would become of a request for an operation: whether it would be accepted, what its provider would be asked, and what to look at before. It changes nothing. Input at fault, and an instance that does not exist, are errors as those of the mutation.",
  })
  async planOperation(
    @Arg("input", () => Input, { description: "The request, as its mutation takes it." }) input: unknown,
    @Ctx() { actor }: PlanContext,
  ) {
    const given = checked(PlanOperationInput, input) as Readonly<Record<string, OperationRequestInput | null>>;
    const declaration = OPERATION_DECLARATIONS.find(({ mutation }) => given[mutation.name])!;
    const planned = await this.planning.plan(actor, declaration, given[declaration.mutation.name]!);
    const { instance, plan, type, runAt, watchedSeconds, warnings, snapshotQuota } = planned;
    let refusal: ReturnType<Planning["refusalOf"]> | undefined;
    return {
      ...{ planned, type, runAt, watchedSeconds, warnings, snapshotQuota },
      refusal: () => (refusal ??= this.planning.refusalOf(planned)),
      environment: NamedFields.of(instance.classification),
      status: instance.status,
      outage: plan?.outage ?? null,
      outageReason: plan?.outageReason ?? null,
      calls: plan?.calls ?? [],
    };
  }

  @FieldResolver(() => Boolean, {
    description:
      "Whether your request would be accepted now, and nothing is known for which its provider would refuse it for certain. A provider that does not answer in time is not waited for.",
  })
  async accepted(@Root() { refusal }: Source) {
    return (await refusal()) === null;
  }

  @FieldResolver(() => String, {
    nullable: true,
    description:
      "The code of the error that it would be refused with, such as PRODUCTION_PROTECTED, FAILED_PRECONDITION, CONFLICT or FORBIDDEN, or of the failure that the operation would end with, such as NotStoppable; null where it would be accepted. An idempotencyKey is not looked at.",
  })
  async code(@Root() { refusal }: Source) {
    return (await refusal())?.code ?? null;
  }

  @FieldResolver(() => String, { nullable: true, description: "The message of that error or failure." })
  async reason(@Root() { refusal }: Source) {
    return (await refusal())?.message ?? null;
  }

  @FieldResolver(() => objectType(Instance), { nullable: true, description: "The instance, as it is known now." })
  instance(@Root() { planned }: Source, @Ctx() { reads }: ReadContext, @Info() info: GraphQLResolveInfo) {
    return reads.own(Instance, String(planned.instance.id), info);
  }

  @FieldResolver(() => [PlannedClash], {
    description:
      "What lies near its beginning: windows of the instance, and at most 20 other operations on the account or host.",
  })
  clashes(@Root() { planned }: Source) {
    return this.planning.clashes(planned);
  }

  @FieldResolver(() => PlannedFigures, {
    nullable: true,
    description: "What goes on in the instance; null where Postern does not reach it, or it does not answer in time.",
  })
  figures(@Root() { planned }: Source) {
    return this.planning.figures(planned);
  }

  @FieldResolver(() => PlannedLastRuns, { description: "How long it took before." })
  lastRuns(@Root() { planned }: Source) {
    return this.planning.lastRuns(planned);
  }
}
