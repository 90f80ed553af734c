/** What a map of lost confidence says in words. Pure. */

export interface Place {
  /** Of the picture in thirds, from the top and from the left. */
  readonly row: number;
  readonly column: number;
  /** Points of confidence that covering its most telling part takes. */
  readonly points: number;
}

/** Where less than this is lost, a place decides nothing. */
const LEAST_POINTS = 1;

/** The thirds of the picture that the answer rests on, most first; two at most. */
export function placesOf(lost: readonly (readonly number[])[]): Place[] {
  const thirds = new Map<string, Place>();
  lost.forEach((cells, y) => {
    cells.forEach((share, x) => {
      const row = third(y, lost.length);
      const column = third(x, cells.length);
      const key = `${row}.${column}`;
      const points = Math.max(share * 100, thirds.get(key)?.points ?? 0);
      thirds.set(key, { row, column, points });
    });
  });
  return [...thirds.values()]
    .filter(({ points }) => points >= LEAST_POINTS)
    .sort((a, b) => b.points - a.points)
    .slice(0, 2);
}

function third(at: number, of: number): number {
  return Math.min(2, Math.floor((3 * (at + 0.5)) / of));
}
