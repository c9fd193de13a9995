/** The faults of a lost connection. They tell the caller whether the statement may have run.
 *
 * For "update scans ...":
 *  - CONNECTION_ENDED: the connection never opened. Nothing ran: UNAVAILABLE, and a retry is safe.
 *  - The connection closed, and the statement was not yet on a socket (`wasSent` is false): it is sent on another connection.
 *  - CONNECTION_CLOSED: it was on a socket. A change may be done or not: the answer says `outcome: unknown`.
 *  - GIVEN_UP: neither the statement nor its cancel request was answered in time. The outcome is unknown here too.
 *  - A FATAL from PostgreSQL, such as 57P01 from an administrator, is followed by the end of the connection: as CONNECTION_CLOSED.
 */

const fault = (message: string, code: string) => Object.assign(new Error(message), { code });

export const closedFault = () => fault("The connection has closed.", "CONNECTION_CLOSED");

export const connectTimeoutFault = () => fault("The database took no connection in time.", "CONNECT_TIMEOUT");

/** The fault of a connection that was lost before it was open, so that nothing ran. */
export const unopenedFault = (cause: unknown) =>
  Object.assign(fault("The connection closed while it was opened.", "CONNECTION_ENDED"), { cause });

/** The fault of a statement that may have run or not. */
export const givenUpFault = () => fault("Neither the statement nor its cancelling was answered in time.", "GIVEN_UP");
