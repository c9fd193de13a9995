/** The mutation that creates the vulnerabilities of a scan together. */
import type { GraphQLResolveInfo } from "graphql";
import { Arg, Ctx, FieldResolver, Info, Mutation, Resolver, Root } from "type-graphql";
import type { Call } from "../../auth/call.js";
import { Scan, Vulnerability } from "../../model/index.js";
import { CurrentCall } from "../../wire/current-call.js";
import { objectType } from "../../wire/object-type.js";
import type { ReadContext } from "../../wire/read-resolver.js";
import type { VulnerabilitiesService } from "./scans.service.js";
import { CreateVulnerabilitiesInput, CreateVulnerabilitiesPayload } from "./scans.types.js";

@Resolver(() => CreateVulnerabilitiesPayload)
export class VulnerabilitiesResolver {
  constructor(private readonly service: VulnerabilitiesService) {}

  @Mutation(() => CreateVulnerabilitiesPayload, {
    nullable: true,
    description: "Creates vulnerabilities of one scan: all of them, or none.",
  })
  createVulnerabilities(
    @CurrentCall() call: Call,
    @Arg("input", () => CreateVulnerabilitiesInput, { description: "The scan and what it found." })
    input: CreateVulnerabilitiesInput,
  ) {
    return this.service.createMany(call, input);
  }

  @FieldResolver(() => objectType(Scan))
  scan(@Root("scan") id: string, @Ctx() context: ReadContext, @Info() info: GraphQLResolveInfo) {
    return context.reads.row(Scan, id, info);
  }

  @FieldResolver(() => [objectType(Vulnerability)])
  vulnerabilities(
    @Root("vulnerabilities") ids: string[],
    @Ctx() context: ReadContext,
    @Info() info: GraphQLResolveInfo,
  ) {
    return context.reads.rows(Vulnerability, ids, info);
  }
}
