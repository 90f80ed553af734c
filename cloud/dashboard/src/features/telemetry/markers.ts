/** What happened to a unit, as marks on its charts. */
import type { Alarm, Recorded } from '../../api/types';

export type MarkerKind = 'alarm' | 'feeding' | 'treatment' | 'mortality';

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
};

/** Alarms and records of one unit, oldest first; struck-out records happened to nobody. */
export function markersOf(unit: string, alarms: readonly Alarm[], records: readonly Recorded[]): Marker[] {
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
  return found.sort((a, b) => a.at - b.at);
}
