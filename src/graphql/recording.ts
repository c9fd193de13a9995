/** Records calls that fail: an audit record for each mutation of a signed-in actor, and a security event for each refusal. */

import type { AuditService, SecurityService } from "../audit/index.js";
import { AppError, asAppError, type ErrorCode, notRecordedError } from "../errors.js";
import { isId } from "../values/id.js";
import type { AccessMap } from "./access/access.js";
import type { RequestContext } from "./context.js";
import type { Middleware } from "./doors.js";

/** A security event holds at most so many characters of an instance id. Identifiers are shorter; a hostile caller may send more. */
const MAX_INSTANCE_ID = 255;

/** The codes of errors that are refusals. */
export const RECORDED_REFUSALS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "UNAUTHENTICATED",
  "FORBIDDEN",
  "PRODUCTION_PROTECTED",
]);

export interface Recorders {
  readonly audit: AuditService;
  readonly security: SecurityService;
  readonly access: Pick<AccessMap, "actionOf" | "failureOf">;
}

const permissionOf = ({ extensions }: AppError) => extensions.permission as string | undefined;

/** The outermost layer of every root field: it sees every error that an inner door throws or returns. */
export const recordFailures =
  ({ audit, access: { actionOf, failureOf } }: Recorders): Middleware =>
  async (resolve, parent, args, context, info) => {
    // The call is created before the doors, so that its duration counts from here.
    const isMutation = info.parentType.name === "Mutation";
    const action = isMutation ? actionOf(info.fieldName) : undefined;
    const field = `${info.parentType.name}.${info.fieldName}`;
    try {
      if (action) context.call(info, args);
      const result = await resolve(parent, args, context, info);
      // graphql-shield returns a refusal instead of throwing it.
      if (result instanceof Error) throw result;
      if (isMutation) context.changed.add(info.path.key);
      // A list of nodes holds the refusals of those that the actor may not ask for.
      for (const item of Array.isArray(result) ? result : []) {
        if (item instanceof AppError) context.refuse({ code: item.code, field, permission: permissionOf(item) });
      }
      return result;
    } catch (thrown) {
      const error = asAppError(thrown);
      const outcome = error.extensions.outcome as string | undefined;
      if (error.code === "RATE_LIMITED") context.rates.note(error);
      if (outcome !== undefined && outcome !== "none") context.changed.add(info.path.key);
      if (RECORDED_REFUSALS.has(error.code) && action !== null) {
        const { instanceId } = (args.input ?? {}) as { instanceId?: unknown };
        context.refuse({
          code: error.code,
          field,
          permission: permissionOf(error),
          ...(typeof instanceId === "string" && { instanceId: instanceId.slice(0, MAX_INSTANCE_ID) }),
        });
      }
      if (action && context.actor.kind === "user") {
        const call = context.call(info, args);
        const { id, operationId } = (args.input ?? {}) as { id?: unknown; operationId?: unknown };
        const failedCall = {
          ...call,
          action: failureOf(info.fieldName) ?? call.action,
          parameters: { mutation: info.fieldName, ...(call.parameters as object) },
        };
        await audit.recordFailure(failedCall, error, [id, operationId].find(isId)).catch(() => {
          throw notRecordedError(outcome, error);
        });
      }
      throw error;
    }
  };

/** @returns a function that records the refusals of a request before it is answered; it throws UNAVAILABLE where it cannot record */
export const recordRefusals =
  ({ security }: Recorders) =>
  async ({ refusals, actor, origin, changed }: RequestContext): Promise<void> => {
    if (refusals.size === 0) return;
    const events = [...refusals.values()].map(({ code, field, permission, instanceId }) => ({
      eventType: "authz_fail",
      eventStatus: "FAILURE" as const,
      userId: actor.kind === "user" ? actor.userId : null,
      origin,
      metadata: { code, field, ...(permission && { permission }), ...(instanceId && { instanceId }) },
    }));
    await security.recordNow(...events).catch(() => {
      throw notRecordedError(changed.size > 0 ? "unknown" : "none");
    });
  };
