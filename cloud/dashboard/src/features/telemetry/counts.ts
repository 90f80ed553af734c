/**
 * Fish that cameras saw over time: as they were counted, and as the model that looks at the end of the time shown would have counted
 * them. The server multiplies; here is only what to ask, how to draw it and what to say of it. Pure.
 */
import type { CountResolution, CountSeries, ModelChange } from '../../api/types';
import { csvText } from '../../kit/csv';
import { GAP_STEPS } from './gaps';
import type { Zoom } from './window';

export interface CountsAsked extends Zoom {
  readonly resolution: CountResolution;
}

const DAY_MS = 86_400_000;
export const BUCKET_MS: Readonly<Record<CountResolution, number>> = {
  five_minutes: 300_000,
  hour: 3_600_000,
  day: DAY_MS,
};
/** The server answers 3 days of five minutes, 31 of hours and 92 of days; a bucket is left for each edge. */
const MOST_DAYS: Readonly<Record<CountResolution, number>> = { five_minutes: 2, hour: 30, day: 90 };

/** What is asked for a window: whole buckets, so that moving along within one asks nothing; of a longer time the newest part. */
export function countsAsked({ startMs, endMs }: Zoom): CountsAsked {
  const days = (endMs - startMs) / DAY_MS;
  const resolution: CountResolution =
    days <= MOST_DAYS.five_minutes ? 'five_minutes' : days <= MOST_DAYS.hour ? 'hour' : 'day';
  const bucket = BUCKET_MS[resolution];
  const from = Math.max(startMs, endMs - MOST_DAYS[resolution] * DAY_MS);
  return {
    resolution,
    startMs: Math.floor(from / bucket) * bucket,
    endMs: Math.ceil(endMs / bucket) * bucket,
  };
}

export interface CountColumns {
  /** Middles of the buckets, Unix seconds. */
  readonly times: number[];
  readonly counted: (number | null)[];
  readonly castBack: (number | null)[];
}

/** Columns for the chart: silence is a gap, and so is a time that nothing can be cast back from. */
export function countColumns({ items, resolution }: CountSeries): CountColumns {
  const columns: CountColumns = { times: [], counted: [], castBack: [] };
  const width = BUCKET_MS[resolution] / 1000;
  let previous: number | null = null;
  for (const { at, mean, cast_back: castBack } of items) {
    const middle = Date.parse(at) / 1000 + width / 2;
    if (previous !== null && middle - previous > GAP_STEPS * width) push((previous + middle) / 2, null, null);
    push(middle, mean, castBack);
    previous = middle;
  }
  return columns;

  function push(at: number, counted: number | null, cast: number | null): void {
    columns.times.push(at);
    columns.counted.push(counted);
    columns.castBack.push(cast);
  }
}

/** Changes as they are told, newest first: a box that says again what it runs, after a restart, has changed nothing. */
export function realChanges(changes: readonly ModelChange[]): ModelChange[] {
  const runs = new Map<string, string | null>();
  return changes
    .filter(({ device, sha256 }) => {
      const same = sha256 !== null && runs.get(device) === sha256;
      runs.set(device, sha256);
      return !same;
    })
    .reverse();
}

export type CastBack =
  /** One model looked all the time. */
  | 'unchanged'
  /** Models changed, and nobody compared them. */
  | 'unknown'
  /** Everything can be cast back. */
  | 'known'
  /** Some of it. */
  | 'partly';

export function castBackOf({ items, changes }: CountSeries): CastBack {
  // What was counted after the last change needs no ratio, and says nothing of whether there is one.
  const newest = Math.max(...changes.map(({ at }) => Date.parse(at)));
  const before = items.filter(({ at }) => Date.parse(at) < newest);
  const known = before.filter(({ cast_back: castBack }) => castBack !== null).length;
  if (before.length === 0) return 'unchanged';
  return known === 0 ? 'unknown' : known === before.length ? 'known' : 'partly';
}

/** What is shown as a file; `cast_back` is derived. A bucket that cannot be cast back has an empty cell. */
export function countsFile({ items }: CountSeries): string {
  return csvText([
    ['time', 'observations', 'counted', 'cast_back'],
    ...items.map(({ at, observations, mean, cast_back: castBack }) => [
      at,
      String(observations),
      String(mean),
      castBack === null ? '' : String(castBack),
    ]),
  ]);
}
