/** The ends of members' logs, asked of their providers: nothing of them is kept. */
import { answerTooLong, badUserInput, failedPrecondition, limitExceeded } from "../../../errors.js";
import { LIMITS } from "../../../limits.js";
import type { Provider } from "../../../providers/provider.js";

const { defaultLogLines, maxLogLines } = LIMITS;

/** What a client may ask for, in words. */
export const LINES = `How many: 1 to ${maxLogLines}, ${defaultLogLines} unless given.`;

/** Whose log. */
export interface MemberOf {
  readonly provider: string;
  readonly providerId: string;
  readonly name: string;
}

/** What the request may still read. */
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
      asked: number | null | undefined,
      allowance: Allowance,
    ): Promise<readonly string[] | null> {
      const lines = asked ?? defaultLogLines;
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
