/** The query of the figures of operations. */
import { Arg, Ctx, Query, Resolver } from "type-graphql";
import type { ActorAccess } from "../../../auth/actor.js";
import type { CompilationLimits } from "../../../engine/read/compilation.js";
import { matchingRows } from "../../../engine/read/matching.js";
import { TimeBucket } from "../../../engine/types/aggregate-type.js";
import { filterType } from "../../../engine/types/filter-type.js";
import { NamedFields } from "../../../engine/types/named-fields.js";
import { embeddedType } from "../../../engine/types/object-type.js";
import { DateTime } from "../../../engine/types/scalars.js";
import { OperationMetrics } from "./operation-metrics.model.js";
import type { OperationMetricsService } from "./operation-metrics.service.js";
import { Operation } from "./operations.model.js";

// type-graphql must know them before it builds the schema.
const Metrics = embeddedType(OperationMetrics);
const Filter = filterType(Operation);

@Resolver()
export class OperationMetricsResolver {
  constructor(
    private readonly metrics: OperationMetricsService,
    private readonly limits: CompilationLimits,
  ) {}

  @Query(() => [Metrics], {
    nullable: true,
    description:
      "Figures over operations by the span of time in which they were requested, the earliest first; spans in which nothing was requested or refused are left out. Whoever reads operations reads what was refused, too.",
  })
  async operationMetrics(
    @Arg("from", () => DateTime, { description: "The first moment of the range." }) from: string,
    @Arg("to", () => DateTime, {
      description: "The moment at which the range has ended: at most 366 days, and 400 spans, after `from`.",
    })
    to: string,
    @Arg("by", () => TimeBucket, { description: "The spans of time." }) by: string,
    @Ctx() { access }: { readonly access: ActorAccess },
    @Arg("filter", () => Filter, { nullable: true, description: "Only operations that match it; all unless given." })
    filter?: unknown,
  ) {
    return NamedFields.of(
      await this.metrics.list({ from, to, by }, matchingRows(Operation, filter, access, this.limits)),
    );
  }
}
