/** The security event of an automatic failover, which tells how it ended and what was lost. */

interface Operation {
  readonly id: bigint;
  readonly instanceId: bigint;
  readonly requestId: string | null;
  readonly parameters: unknown;
}

/** @param end the status, result and error of the operation @returns null for an operation that is no automatic failover */
export function failoverEvent({ id, instanceId, requestId, parameters }: Operation, end: Record<string, unknown>) {
  const { automatic, cause } = parameters as { automatic?: boolean; cause?: string };
  if (!automatic) return null;
  return {
    eventType: "instance_failover",
    eventStatus: end.status === "SUCCEEDED" ? ("SUCCESS" as const) : ("FAILURE" as const),
    origin: { ipAddress: null, userAgent: null, requestId: requestId ?? "" },
    metadata: { operationId: String(id), instanceId: String(instanceId), cause, ...end },
  };
}
