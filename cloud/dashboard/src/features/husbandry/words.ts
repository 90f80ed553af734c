/** A record of the diary as one line. */
import type { AnyRecord } from '../../api/types';
import { numberText, word } from '../../i18n';

const SHOWN_ELSEWHERE = new Set(['id', 'kind', 'occurred_at', 'unit', 'to_unit', 'batch', 'note', 'detail']);

/** What was written: fields with their names, in the order of the form. */
export function recordLine(record: AnyRecord): string {
  const parts: string[] = [];
  for (const [name, value] of Object.entries(record) as [string, unknown][]) {
    if (SHOWN_ELSEWHERE.has(name) || value === null || value === '' || value === undefined) continue;
    parts.push(`${word('field', name)}: ${valueText(name, value, record)}`);
  }
  if (record.note !== '') parts.push(record.note);
  return parts.join(' · ');
}

function valueText(name: string, value: unknown, record: AnyRecord): string {
  if (typeof value === 'number') return numberText(value);
  if (name === 'cause') {
    const detail = 'detail' in record ? record.detail : null;
    const cause = word('cause', value as string);
    return detail === null || detail === undefined ? cause : `${cause}, ${word('cause', detail)}`;
  }
  if (name === 'indicator' || name === 'topic') return word(name, value as string);
  if (typeof value === 'object') {
    return Object.entries(value as Record<string, number>)
      .map(([score, fish]) => `${score}: ${fish}`)
      .join(', ');
  }
  return typeof value === 'string' ? value : JSON.stringify(value);
}
