/** The resolver of a member's `logTail`. */
import type { GraphQLResolveInfo } from "graphql";
import { Arg, Ctx, FieldResolver, Info, Int, Resolver, Root } from "type-graphql";
import { embeddedType } from "../../../engine/types/object-type.js";
import type { ReadContext } from "../../../engine/types/read-resolver.js";
import { InstanceMember, LogTail } from "./instance-objects.model.js";
import { MEMBER_LOG_LINES, type MemberLogs, type MemberOf } from "./member-logs.service.js";

@Resolver(() => embeddedType(InstanceMember))
export class MemberLogsResolver {
  constructor(private readonly logs: MemberLogs) {}

  @FieldResolver(() => [String], { nullable: LogTail.nullable, description: LogTail.description })
  logTail(
    @Root() member: Readonly<Record<string, MemberOf>>,
    @Ctx() { allowance }: ReadContext,
    @Info() { path }: GraphQLResolveInfo,
    @Arg("lines", () => Int, { nullable: true, description: MEMBER_LOG_LINES }) lines?: number | null,
  ) {
    return this.logs.tail(member[path.key] as MemberOf, lines, allowance);
  }
}
