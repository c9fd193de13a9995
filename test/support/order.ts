/** The order in which test files start, so that all workers have work until the end, and the processors too. */
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Files that wait for servers and processes, the longest first. */
const WAITING = ["providers", "process", "modules/fleet", "audit", "db", "postgres", "http", "faults"];

export class Order extends BaseSequencer {
  /** Those that wait run beside those that compute; of both kinds the longest come first. */
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const rank = ({ moduleId }: TestSpecification) => {
      const at = WAITING.findIndex((folder) => moduleId.includes(`/test/${folder}/`));
      return at < 0 ? Number.POSITIVE_INFINITY : at;
    };
    const waiting = sorted
      .filter((file) => rank(file) < Number.POSITIVE_INFINITY)
      .sort((one, other) => rank(one) - rank(other));
    const computing = sorted.filter((file) => !waiting.includes(file));
    const placed = [waiting, computing].flatMap((kind) => kind.map((file, n) => ({ file, at: n / kind.length })));
    return placed.sort((one, other) => one.at - other.at).map(({ file }) => file);
  }
}
