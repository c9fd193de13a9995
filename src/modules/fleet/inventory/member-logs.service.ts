/** Reads the last lines of members' logs from their providers. Nothing of them is stored. */
import { answerTooLong, badUserInput, failedPrecondition, limitExceeded } from "../../../errors.js";
import { LIMITS } from "../../../limits.js";
import type { Provider } from "../../../providers/provider.js";

const { defaultLogLines, maxLogLines } = LIMITS;

/** The description of the argument `lines`. */
export const MEMBER_LOG_LINES = `How many lines, 1 to ${maxLogLines}; ${defaultLogLines} unless given.`;

/** The key of a member across providers. */
export interface MemberOf {
  readonly provider: string;
  readonly providerId: string;
  readonly name: string;
}

/** The logs and bytes that the request may still read. */
interface Allowance {
  logs: number;
  bytes: number;
}

export type MemberLogs = ReturnType<typeof createMemberLogs>;

export function createMemberLogs(providers: ReadonlyMap<string, Provider>) {
  return {
    /** @throws BAD_USER_INPUT, LIMIT_EXCEEDED, FAILED_PRECONDITION, UNAVAILABLE */
    async tail(
      member: MemberOf,
      requestedLines: number | null | undefined,
      allowance: Allowance,
    ): Promise<readonly string[] | null> {
      const lines = requestedLines ?? defaultLogLines;
      if (lines < 1) throw badUserInput("lines", "`lines` is 1 or more.");
      if (lines > maxLogLines) throw limitExceeded("logLines", `Ask for at most ${maxLogLines} lines of a log.`);
      const provider = providers.get(member.provider);
      if (!provider) {
        const message = `This instance's provider, ${member.provider}, is not reached from here.`;
        throw failedPrecondition("unsupported", message);
      }
      if (allowance.logs < 1) {
        throw limitExceeded("logs", `One request reads at most ${LIMITS.logs} logs. Ask for those of fewer members.`);
      }
      allowance.logs -= 1;
      const tail = await provider.logTail(member.providerId, member.name, lines);
      allowance.bytes -= Buffer.byteLength(JSON.stringify(tail));
      if (allowance.bytes < 0) throw answerTooLong();
      return tail;
    },
  };
}
