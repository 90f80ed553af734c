/**
 * A long series at every fineness, each level a quarter of the one before: whatever is shown is drawn from about as many rows as the
 * chart has pixels, so that moving 100,000 of them costs what moving a few hundred costs. Least and most survive every level. Pure.
 */
import type { Columns } from './gaps';
import { cut, firstFrom } from './pieces';

const FACTOR = 4;

export interface Pyramid {
  /** From the rows as they came to the coarsest. */
  readonly levels: readonly [Columns, ...Columns[]];
}

export function pyramidOf(columns: Columns): Pyramid {
  const levels: [Columns, ...Columns[]] = [columns];
  let finest = columns;
  while (finest.times.length > 1_000) {
    finest = coarser(finest);
    levels.push(finest);
  }
  return { levels };
}

/** Rows between two times (Unix seconds), one more on each side, of the finest level that has at most so many there. */
export function rowsOf({ levels }: Pyramid, fromS: number, toS: number, atMost: number): Columns {
  let found: Columns | undefined;
  for (const level of levels) {
    const from = Math.max(0, firstFrom(level.times, fromS) - 1);
    const to = Math.min(level.times.length, firstFrom(level.times, toS) + 1);
    if (to - from <= atMost || level === levels.at(-1)) {
      found = cut(level, from, to);
      break;
    }
  }
  return found ?? levels[0];
}

function coarser(columns: Columns): Columns {
  const { times, mean, low, high, doubtful } = columns;
  const next: Columns = { times: [], mean: [], low: [], high: [], doubtful: [] };
  for (let from = 0; from < times.length; from += FACTOR) {
    const to = Math.min(times.length, from + FACTOR);
    let [sum, count] = [0, 0];
    let [least, most, mark]: (number | null)[] = [null, null, null];
    for (let row = from; row < to; row += 1) {
      const value = mean[row] ?? null;
      if (value === null) continue;
      sum += value;
      count += 1;
      least = Math.min(least ?? Infinity, low[row] ?? value);
      most = Math.max(most ?? -Infinity, high[row] ?? value);
      mark = doubtful[row] ?? mark;
    }
    next.times.push(((times[from] ?? 0) + (times[to - 1] ?? 0)) / 2);
    next.mean.push(count > 0 ? sum / count : null);
    next.low.push(least ?? null);
    next.high.push(most ?? null);
    next.doubtful.push(mark ?? null);
  }
  return next;
}
