/** A refusal as AWS words it: a code, a message and an HTTP status. */

export class AwsFault extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly status = 400,
  ) {
    super(message);
  }
}

export const invalidValue = (message: string) => new AwsFault("InvalidParameterValue", message);
export const invalidCombination = (message: string) => new AwsFault("InvalidParameterCombination", message);
/** STS's word for a parameter that it cannot take. */
export const validationError = (message: string) => new AwsFault("ValidationError", message);
export const accessDenied = (message: string) => new AwsFault("AccessDenied", message, 403);
export const invalidInstanceState = (message: string) => new AwsFault("InvalidDBInstanceState", message);
export const invalidClusterState = (message: string) => new AwsFault("InvalidDBClusterStateFault", message);
export const instanceNotFound = (identifier: string) =>
  new AwsFault("DBInstanceNotFound", `DBInstance ${identifier} not found.`, 404);
export const clusterNotFound = (identifier: string) =>
  new AwsFault("DBClusterNotFoundFault", `DBCluster ${identifier} not found.`, 404);
