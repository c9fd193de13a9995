/** A fault that keeps Postern from starting, with a sentence for people and an exit code for programs. */

/** The exit code of each kind of fault, from sysexits.h, which service managers know. */
export const EXIT_CODES = {
  /** This version cannot use the database or the data folder. */
  data: 65,
  /** The database does not answer, or its host is unknown. */
  unreachable: 69,
  /** Postern itself is at fault. */
  software: 70,
  /** A port or a folder cannot be used, or no more files can be watched. */
  resource: 73,
  /** The disk is full or fails. */
  disk: 74,
  /** Another Postern uses the data folder. */
  claimed: 75,
  /** The database speaks another protocol, or speaks it in a way that Postern cannot use. */
  protocol: 76,
  /** The password, the role or its rights do not suffice. */
  rights: 77,
  /** The configuration is not usable. */
  configuration: 78,
} as const;

export type StartFaultKind = keyof typeof EXIT_CODES;

/** The message says what is wrong and what to set. The cause is never printed. */
export class StartFault extends Error {
  constructor(
    readonly kind: StartFaultKind,
    message: string,
    cause?: unknown,
  ) {
    super(message, { cause });
    this.name = "StartFault";
  }
}
