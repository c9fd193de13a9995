/** The type OperationMetrics: the figures of one span of time, as clients read them. */
import type { EmbeddedField, EmbeddedType } from "../../../engine/declaration.js";
import { Environment, OperationType } from "../inventory/index.js";

const count = (description: string): EmbeddedField => ({ kind: "int", nullable: false, description });
const maybe = (description: string): EmbeddedField => ({ kind: "float", nullable: true, description });

/** The figures of operations that were requested in the same span. */
const FIGURES = {
  requested: count("Operations that were accepted."),
  executed: count("Of them those that have begun, also where they ended before their provider was asked."),
  succeeded: count("Of them those that are SUCCEEDED."),
  failed: count("Of them those that are FAILED."),
  timedOut: count("Of them those that are TIMED_OUT, whatever they were settled as."),
  cancelled: count("Of them those that are CANCELLED."),
  expired: count("Of them those that are EXPIRED."),
  successRate: maybe(
    "The part, 0 to 1, of those that are SUCCEEDED among those that are SUCCEEDED, FAILED or TIMED_OUT; null where there are none.",
  ),
  averageDurationSeconds: maybe("The mean duration of those that are SUCCEEDED; null where there are none."),
  p95DurationSeconds: maybe(
    "The duration that 95 % of those that are SUCCEEDED did not exceed; null where there are none.",
  ),
  minutesSaved: count(
    "The minutes that those that are SUCCEEDED would have taken by hand, as OPERATION_MINUTES_BY_HAND estimates them.",
  ),
};

const OperationTypeMetrics: EmbeddedType = {
  name: "OperationTypeMetrics",
  description: "Figures over the operations of one type on instances of one environment.",
  list: true,
  fields: {
    type: { kind: "enum", nullable: false, enumeration: OperationType, description: "The type of the operations." },
    environment: {
      kind: "enum",
      nullable: true,
      enumeration: Environment,
      description:
        "What their instances counted as when they were requested; null where a release before has accepted them.",
    },
    ...FIGURES,
  },
};

const OperationRefusals: EmbeddedType = {
  name: "OperationRefusals",
  description: "Requests of operations that were refused for the same reason.",
  list: true,
  fields: {
    code: { kind: "string", nullable: false, description: "The code of the error, such as `BAD_USER_INPUT`." },
    count: count("How many there were."),
  },
};

export const OperationMetrics: EmbeddedType = {
  name: "OperationMetrics",
  description:
    "Figures over the operations that were requested in one span of time, as they are now, and over the requests that were refused in it.",
  list: false,
  fields: {
    bucketStart: { kind: "dateTime", nullable: false, description: "The begin of the span, in UTC." },
    ...FIGURES,
    activeUsers: count("Users who requested at least one of these operations."),
    incompleteAudits: count(
      "Operations without exactly their audit records: one that they were requested, one once they have ended, one once they are settled. It must be 0. Those whose records may have expired, after 90 days, are not counted.",
    ),
    productionRefusals: count("Requests that were refused as PRODUCTION_PROTECTED, whatever the filter."),
    permissionRefusals: count("Requests that were refused as FORBIDDEN, whatever the filter."),
    otherRefusals: {
      kind: "embedded",
      nullable: false,
      embedded: OperationRefusals,
      description: "Requests that were refused otherwise, by code, whatever the filter.",
    },
    byType: {
      kind: "embedded",
      nullable: false,
      embedded: OperationTypeMetrics,
      description: "The same figures by type and environment.",
    },
  },
};
