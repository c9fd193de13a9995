/** What keeps Postern from starting: one sentence for people, and an exit code that tells programs its kind. */

/** The exit codes of sysexits.h, which service managers know, by the kind of fault. */
export const EXIT_CODES = {
  /** The database, or a folder of data, is not one that this version can use. */
  data: 65,
  /** The database does not answer, or nobody knows its host. */
  unreachable: 69,
  /** A fault of Postern's own. */
  software: 70,
  /** A port or a folder cannot be taken. */
  resource: 73,
  /** The disk is full or fails. */
  disk: 74,
  /** Another Postern has it. */
  claimed: 75,
  /** What answers speaks another protocol, or not in the way that is needed. */
  protocol: 76,
  /** The password, the role or its rights do not suffice. */
  rights: 77,
  /** The configuration is not usable. */
  configuration: 78,
} as const;

export type FaultKind = keyof typeof EXIT_CODES;

/** Its message says what is wrong and what to set; the cause goes to nobody but a debugger. */
export class StartFault extends Error {
  constructor(
    readonly kind: FaultKind,
    message: string,
    cause?: unknown,
  ) {
    super(message, { cause });
    this.name = "StartFault";
  }
}
