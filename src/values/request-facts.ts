/** What is noted about a request while it is answered, for its line in the log. What a client chooses of it has a bounded form. */
import { AsyncLocalStorage } from "node:async_hooks";

/** A name of GraphQL that documents may use. A client may send any text as an operation's name. */
const NAME = /^[_A-Za-z]\w{0,99}$/;

/** @returns the name of an operation, as far as a client has sent a name */
export const requestOperationName = (sent: string | null | undefined): string | null =>
  sent !== null && sent !== undefined && NAME.test(sent) ? sent : null;

export class RequestFacts {
  readonly beganAtMs = performance.now();
  /** The path that serves it; null where none does. */
  route: string | null = null;
  /** The name of its operation; null where it has none, or none is known. */
  operation: string | null = null;
  /** The hash by which the log names its document; null where none was read, or a client named it by a hash that nobody knows. */
  document: string | null = null;
  /** Who asks; null where it was refused before that was known. */
  actor: { readonly kind: string; readonly id: string | null } | null = null;
  /** The codes of the errors that answer it, each once, separated by commas; null where it has no errors. */
  code: string | null = null;
  /** The HTTP status of its answer; null before there is one. */
  status: number | null = null;
  /** The bytes of the answer's body, as they are sent. */
  bytes = 0;
  /** The statements that were sent to the database for it. */
  statements = 0;
  /** Whether its line is written. */
  isLogged = false;

  /** @param method the HTTP method; null where the request could not be read */
  constructor(
    readonly id: string,
    readonly method: string | null,
  ) {}

  addCode(code: string): void {
    if (this.code === null) this.code = code;
    else if (!this.code.split(",").includes(code)) this.code += `,${code}`;
  }
}

const requests = new AsyncLocalStorage<RequestFacts>();

/** Returns the facts of the request under way. Errors are formatted, and statements are sent, where no context is at hand. */
export const currentRequest = (): RequestFacts | undefined => requests.getStore();

/** Does the work for a request. */
export const asRequest = <T>(request: RequestFacts, work: () => T): T => requests.run(request, work);
