import { describe, expect, it } from 'vitest';
import { placesOf } from './attention';

/** Seven by seven parts of which only these count. */
function lost(parts: readonly (readonly [row: number, column: number, share: number])[]): number[][] {
  return Array.from({ length: 7 }, (_, row) =>
    Array.from({ length: 7 }, (_, column) => parts.find(([y, x]) => y === row && x === column)?.[2] ?? 0),
  );
}

describe('a map of lost confidence', () => {
  it('is told by the thirds that it rests on, most first', () => {
    expect(
      placesOf(
        lost([
          [0, 0, 0.31],
          [1, 1, 0.2],
          [3, 3, 0.4],
          [6, 6, 0.05],
        ]),
      ),
    ).toEqual([
      { row: 1, column: 1, points: 40 },
      { row: 0, column: 0, points: 31 },
    ]);
  });
  it('says nothing where no part decides', () => {
    expect(
      placesOf(
        lost([
          [2, 2, 0.004],
          [5, 5, -0.3],
        ]),
      ),
    ).toEqual([]);
  });
});
