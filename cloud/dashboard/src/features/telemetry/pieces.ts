/** What a chart has loaded of a channel: pieces of one fineness grow together while a person moves along. Pure. */
import { GAP_STEPS, type Columns } from './gaps';

export interface Piece {
  readonly bucketS: number;
  readonly fromMs: number;
  readonly toMs: number;
  readonly columns: Columns;
}

/** Rows that are kept of a channel; beyond them the ones that are furthest from what came last go. */
export const MOST_ROWS = 100_000;

/** What is kept with what came; where they do not touch, or are not of one fineness, only what came. */
export function joined(kept: Piece | undefined, fresh: Piece): Piece {
  if (kept === undefined || kept.bucketS !== fresh.bucketS) return fresh;
  if (kept.toMs < fresh.fromMs || kept.fromMs > fresh.toMs) return fresh;
  const before = cut(kept.columns, 0, firstFrom(kept.columns.times, fresh.fromMs / 1000));
  const after = cut(
    kept.columns,
    firstFrom(kept.columns.times, fresh.toMs / 1000),
    kept.columns.times.length,
  );
  const longest = GAP_STEPS * fresh.bucketS;
  const whole = chained(chained(before, fresh.columns, longest), after, longest);
  const surplus = whole.times.length - MOST_ROWS;
  const fromMs = Math.min(kept.fromMs, fresh.fromMs);
  const toMs = Math.max(kept.toMs, fresh.toMs);
  if (surplus <= 0) return { bucketS: fresh.bucketS, fromMs, toMs, columns: whole };
  const middle = before.times.length + fresh.columns.times.length / 2;
  const first = Math.round(Math.min(surplus, Math.max(0, middle - MOST_ROWS / 2)));
  const columns = cut(whole, first, first + MOST_ROWS);
  return {
    bucketS: fresh.bucketS,
    fromMs: first > 0 ? (columns.times[0] ?? 0) * 1000 : fromMs,
    toMs: first + MOST_ROWS < whole.times.length ? (columns.times.at(-1) ?? 0) * 1000 : toMs,
    columns,
  };
}

/** Index of the first of ascending times that is not before `at`. */
export function firstFrom(times: readonly number[], at: number): number {
  let [low, high] = [0, times.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((times[middle] ?? 0) < at) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Rows `from` to `to` of every column. */
export function cut(columns: Columns, from: number, to: number): Columns {
  return {
    times: columns.times.slice(from, to),
    mean: columns.mean.slice(from, to),
    low: columns.low.slice(from, to),
    high: columns.high.slice(from, to),
    doubtful: columns.doubtful.slice(from, to),
  };
}

function chained(one: Columns, other: Columns, longestS: number): Columns {
  const [last, next] = [one.times.at(-1), other.times[0]];
  if (last === undefined) return other;
  if (next === undefined) return one;
  // A silence that lies across the seam stays a gap.
  const silent = next - last > longestS;
  const seam = silent ? [null] : [];
  return {
    times: one.times.concat(silent ? [(last + next) / 2] : [], other.times),
    mean: one.mean.concat(seam, other.mean),
    low: one.low.concat(seam, other.low),
    high: one.high.concat(seam, other.high),
    doubtful: one.doubtful.concat(seam, other.doubtful),
  };
}
