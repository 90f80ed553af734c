/** What happened to a unit, as marks on its charts. */
import type { Alarm, ModelChange, Recorded } from '../../api/types';

export type MarkerKind = 'alarm' | 'feeding' | 'treatment' | 'mortality' | 'model';

export interface Marker {
  /** Unix seconds. */
  readonly at: number;
  readonly kind: MarkerKind;
}

/** A sign for each kind; the words stand beside the charts. */
export const GLYPHS: Readonly<Record<MarkerKind, string>> = {
  alarm: '▲',
  feeding: '●',
  treatment: '✚',
  mortality: '✕',
  model: '◆',
};

/**
 * Alarms, records and changes of models of one unit, oldest first; struck-out records happened to nobody. Counts before
 * and after another model are not of the same eyes.
 */
export function markersOf(
  unit: string,
  alarms: readonly Alarm[],
  records: readonly Recorded[],
  changes: readonly ModelChange[],
): Marker[] {
  const found: Marker[] = alarms
    .filter((alarm) => alarm.unit?.slug === unit)
    .map((alarm) => ({ at: Date.parse(alarm.raised_at) / 1000, kind: 'alarm' }));
  for (const { record, struck_at: struck } of records) {
    const kind = record.kind;
    if (struck || !('unit' in record) || record.unit !== unit) continue;
    if (kind === 'feeding' || kind === 'treatment' || kind === 'mortality') {
      found.push({ at: Date.parse(record.occurred_at) / 1000, kind });
    }
  }
  for (const { at } of changes) found.push({ at: Date.parse(at) / 1000, kind: 'model' });
  return found.sort((a, b) => a.at - b.at);
}
