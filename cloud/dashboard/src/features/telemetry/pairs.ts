/** Two channels side by side, in words and as a file. */
import type { LatestReading } from '../../api/types';
import { numberText, t } from '../../i18n';
import { csvText } from '../../kit/csv';
import type { Columns } from './gaps';
import { cut, firstFrom } from './pieces';
import type { SeriesAnswer, Zoom } from './queries';
import { unitText } from './units';

export interface Choice {
  readonly reading: LatestReading;
  /** Unit of the farm and quantity, as both are called here. */
  readonly name: string;
}

export interface Line extends Choice {
  readonly answer: SeriesAnswer;
}

/** `Tank 1 · Dissolved oxygen (mg/L)`. */
export function titleOf({ name, reading }: Choice): string {
  const unit = unitText(reading.ucum);
  return unit === '' ? name : `${name} (${unit})`;
}

function within({ answer }: Line, zoom: Zoom | null): Columns {
  const { startMs, endMs } = zoom ?? answer;
  const { times } = answer.columns;
  return cut(answer.columns, firstFrom(times, startMs / 1000), firstFrom(times, endMs / 1000));
}

/** What the line spans, in words: who does not see the chart reads this. */
export function rangeText(line: Line, zoom: Zoom | null): string {
  const { low, high } = within(line, zoom);
  const values = [...low, ...high].filter((value) => value !== null);
  if (values.length === 0) return `${titleOf(line)}: ${t('charts.none')}`;
  const [least, most] = values.reduce(
    ([a, b], value) => [Math.min(a, value), Math.max(b, value)],
    [Infinity, -Infinity],
  );
  const { decimals } = line.reading;
  return t('pair.range', {
    what: titleOf(line),
    least: numberText(least, decimals),
    most: numberText(most, decimals),
  });
}

/** Both means on the moments of either; a moment that one of them lacks is an empty cell. */
export function fileOf(lines: readonly [Line, Line], zoom: Zoom | null): string {
  const [one, other] = [within(lines[0], zoom), within(lines[1], zoom)];
  const rows = new Map<number, [number | null, number | null]>();
  one.times.forEach((at, row) => rows.set(at, [one.mean[row] ?? null, null]));
  other.times.forEach((at, row) => rows.set(at, [rows.get(at)?.[0] ?? null, other.mean[row] ?? null]));
  const told = [...rows]
    .filter(([, values]) => values.some((value) => value !== null))
    .sort(([a], [b]) => a - b)
    .map(([at, values]) => [
      new Date(at * 1000).toISOString(),
      ...values.map((value) => (value === null ? '' : String(value))),
    ]);
  return csvText([['time', ...lines.map(titleOf)], ...told]);
}
