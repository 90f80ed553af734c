/** Series from the server as chart columns, in which silence stays visible as a gap. */
import type { SeriesPoint } from '../../api/types';

export interface Columns {
  /** Unix seconds. */
  readonly times: number[];
  readonly mean: (number | null)[];
  readonly low: (number | null)[];
  readonly high: (number | null)[];
  /** The mean again, only where a bucket holds readings that are not good. */
  readonly doubtful: (number | null)[];
}

/** A hole is a gap when it is longer than this many usual steps: sampling jitter is not silence. */
export const GAP_STEPS = 2.5;

/** Put an empty row into every hole, so that the line breaks there. */
export function toColumns(points: readonly SeriesPoint[], bucketS: number): Columns {
  const columns: Columns = { times: [], mean: [], low: [], high: [], doubtful: [] };
  const longest = GAP_STEPS * Math.max(bucketS, usualStep(points));
  let previous: number | null = null;
  for (const point of points) {
    const at = Date.parse(point.t) / 1000;
    if (previous !== null && at - previous > longest) push(columns, (previous + at) / 2, null);
    push(columns, at, point);
    previous = at;
  }
  return columns;
}

function push(columns: Columns, at: number, point: SeriesPoint | null): void {
  columns.times.push(at);
  columns.mean.push(point?.mean ?? null);
  columns.low.push(point?.min ?? null);
  columns.high.push(point?.max ?? null);
  columns.doubtful.push(point !== null && point.good < point.n ? point.mean : null);
}

/** Median distance of neighbours: the rhythm of a slow probe is wider than the bucket. */
function usualStep(points: readonly SeriesPoint[]): number {
  const steps: number[] = [];
  for (let index = 1; index < points.length; index += 1) {
    const [before, after] = [points[index - 1], points[index]];
    if (before && after) steps.push((Date.parse(after.t) - Date.parse(before.t)) / 1000);
  }
  steps.sort((a, b) => a - b);
  return steps[Math.floor(steps.length / 2)] ?? 0;
}
