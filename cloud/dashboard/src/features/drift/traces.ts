/** Hours of a version as lines that can be drawn: places from 0 to 1, broken where an hour is missing. Pure. */
import type { DriftHours } from '../../api/drift';

export interface Trace {
  readonly signal: string;
  readonly least: number;
  readonly most: number;
  readonly median: number;
  readonly strokes: readonly (readonly (readonly [number, number])[])[];
}

const HOUR_MS = 3_600_000;

export function tracesOf({ start, end, items }: Pick<DriftHours, 'start' | 'end' | 'items'>): Trace[] {
  const signals = [...new Set(items.flatMap((hour) => Object.keys(hour.signals)))];
  const [from, to] = [Date.parse(start), Date.parse(end)];
  return signals.map((signal) => {
    const told = items.flatMap((hour) => {
      const value = hour.signals[signal];
      return value === undefined ? [] : [{ at: Date.parse(hour.hour), value }];
    });
    told.sort((a, b) => a.at - b.at);
    const values = told.map(({ value }) => value).sort((a, b) => a - b);
    const [least, most] = [values[0] ?? 0, values.at(-1) ?? 0];
    const spread = most - least || 1;
    const strokes: [number, number][][] = [];
    let previous = -Infinity;
    for (const { at, value } of told) {
      if (at - previous > 1.5 * HOUR_MS) strokes.push([]);
      strokes.at(-1)?.push([(at - from) / (to - from), (value - least) / spread]);
      previous = at;
    }
    // An hour between two silences is a dot, which a line of one point would not be.
    for (const stroke of strokes) {
      const [only] = stroke;
      if (stroke.length === 1 && only !== undefined) stroke.push([only[0] + 0.002, only[1]]);
    }
    return { signal, least, most, median: values[values.length >> 1] ?? 0, strokes };
  });
}
