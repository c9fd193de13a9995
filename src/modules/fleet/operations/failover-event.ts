/** The security event of a failover that nobody asked for but Postern itself: how it ended, and what is lost. */

interface Operation {
  readonly id: bigint;
  readonly instanceId: bigint;
  readonly requestId: string | null;
  readonly parameters: unknown;
}

/** @param end its status, result and error @returns null for every other operation */
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
