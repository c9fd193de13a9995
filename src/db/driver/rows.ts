/** Rows of a statement, as the driver should give them. */

/**
 * The driver counts the rows of a statement on from those of one before it that failed amid its rows, as a read does that is stopped. So
 * they come behind as many holes: after `select 6 / (2 - n) from generate_series(1, 2) n`, which fails at its second row,
 * `select 7` is answered with `[<hole>, 7]`.
 * @returns the same answer, from which the holes are gone
 */
export function withoutHoles(answer: unknown[]): readonly unknown[] {
  let holes = 0;
  while (holes < answer.length && !(holes in answer)) holes++;
  if (holes > 0) answer.splice(0, holes);
  return answer;
}
