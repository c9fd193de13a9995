/** What is left of calls that fail: an audit record for each mutation of a signed-in actor, a security event for each refusal. */
import type { Db } from "../db/client.js";
import { AppError, type ErrorCode, internal } from "../errors.js";
import type { Log } from "../log.js";
import type { AuditService } from "../modules/audit/index.js";
import type { SecurityService } from "../modules/security/index.js";
import { isId } from "../wire/id.js";
import { actionOf, failureOf } from "./access.js";
import type { RequestContext } from "./context.js";
import type { Gate } from "./schema.js";

/** An identifier is no longer; what a hostile caller sends may be. */
const MAX_INSTANCE_ID = 255;

const REFUSALS: ReadonlySet<ErrorCode> = new Set<ErrorCode>(["UNAUTHENTICATED", "FORBIDDEN", "PRODUCTION_PROTECTED"]);

export interface Recorders {
  readonly db: Db;
  readonly audit: AuditService;
  readonly security: SecurityService;
  readonly log: Log;
}

/** The outermost layer of every root field: sees what each inner door throws or returns as an error. */
export const recordFailures =
  ({ db, audit, log }: Recorders): Gate =>
  async (resolve, parent, args, context, info) => {
    // Created before the doors, so that the duration counts from here.
    const isMutation = info.parentType.name === "Mutation";
    if (isMutation) context.answerAs(context.actor);
    const action = isMutation ? actionOf(info.fieldName) : undefined;
    try {
      if (action) context.call(info, args);
      const result = await resolve(parent, args, context, info);
      // graphql-shield returns a refusal instead of throwing it.
      if (result instanceof Error) throw result;
      return result;
    } catch (thrown) {
      const error = thrown instanceof AppError ? thrown : internal(thrown);
      if (REFUSALS.has(error.code) && action !== null) {
        const permission = error.extensions.permission as string | undefined;
        const { instanceId } = (args.input ?? {}) as { instanceId?: unknown };
        const field = `${info.parentType.name}.${info.fieldName}`;
        context.refuse({
          code: error.code,
          field,
          permission,
          ...(typeof instanceId === "string" && { instanceId: instanceId.slice(0, MAX_INSTANCE_ID) }),
        });
      }
      if (action && context.actor.kind === "user") {
        const call = context.call(info, args);
        const { id, operationId } = (args.input ?? {}) as { id?: unknown; operationId?: unknown };
        const failed = {
          ...call,
          action: failureOf(info.fieldName) ?? call.action,
          parameters: { mutation: info.fieldName, ...(call.parameters as object) },
        };
        await audit
          .recordFailure(db, failed, error, [id, operationId].find(isId))
          .catch((fault) => log.error({ err: fault, requestId: context.origin.requestId }, "audit record lost"));
      }
      throw error;
    }
  };

/** @returns what records the refusals of a request, before it is answered */
export const recordRefusals =
  ({ db, security, log }: Recorders) =>
  async ({ refusals, actor, origin }: RequestContext): Promise<void> => {
    if (refusals.size === 0) return;
    const events = [...refusals.values()].map(({ code, field, permission, instanceId }) => ({
      eventType: "authz_fail",
      eventStatus: "FAILURE" as const,
      userId: actor.kind === "user" ? actor.userId : null,
      origin,
      metadata: { code, field, ...(permission && { permission }), ...(instanceId && { instanceId }) },
    }));
    await security
      .record(db, ...events)
      .catch((fault) => log.error({ err: fault, requestId: origin.requestId }, "security event lost"));
  };
