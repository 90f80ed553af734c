/** A record of the diary as one line. */
import type { AnyRecord } from '../../api/types';
import { numberText, word } from '../../i18n';
import { farmDateTime } from '../../kit/time';
import { FORMS, type Field } from './forms';

const SHOWN_ELSEWHERE = new Set(['id', 'kind', 'occurred_at', 'unit', 'to_unit', 'note', 'detail']);

/** Units of the numbers that are asked for, by field. */
const UNITS: ReadonlyMap<string, string> = new Map(
  (Object.values(FORMS) as readonly (readonly Field[])[])
    .flat()
    .flatMap((field) => ('unit' in field && field.unit !== undefined ? [[field.name, field.unit]] : [])),
);

/** What was written: fields with their names and units, in the order of the form. */
export function recordLine(record: AnyRecord, timezone: string): string {
  const parts: string[] = [];
  for (const [name, value] of Object.entries(record) as [string, unknown][]) {
    if (SHOWN_ELSEWHERE.has(name) || value === null || value === '' || value === undefined) continue;
    parts.push(`${word('field', name)}: ${valueText(name, value, record, timezone)}`);
  }
  if (record.note !== '') parts.push(record.note);
  return parts.join(' · ');
}

/** Where it happened, by the names that the farm gave its units; from and to where fish were moved. */
export function placeOf(record: AnyRecord, units: readonly { slug: string; name: string }[]): string {
  const named = (slug: string): string => units.find((unit) => unit.slug === slug)?.name ?? slug;
  if (!('unit' in record) || record.unit === null || record.unit === undefined) return '–';
  const from = named(record.unit);
  return 'to_unit' in record ? `${from} → ${named(record.to_unit)}` : from;
}

function valueText(name: string, value: unknown, record: AnyRecord, timezone: string): string {
  if (typeof value === 'number') {
    const unit = UNITS.get(name);
    return unit === undefined ? numberText(value) : `${numberText(value)}\u00a0${unit}`;
  }
  if (name === 'cause') {
    const detail = 'detail' in record ? record.detail : null;
    const cause = word('cause', value as string);
    return detail === null || detail === undefined ? cause : `${cause}, ${word('cause', detail)}`;
  }
  if (name === 'indicator' || name === 'topic') return word(name, value as string);
  if (name.endsWith('_at') && typeof value === 'string') return farmDateTime(Date.parse(value), timezone);
  if (typeof value === 'object') {
    return Object.entries(value as Record<string, number>)
      .map(([score, fish]) => `${score}: ${fish}`)
      .join(', ');
  }
  return typeof value === 'string' ? value : JSON.stringify(value);
}
