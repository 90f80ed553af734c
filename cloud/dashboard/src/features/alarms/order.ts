/** Alarms in the order in which a person should read them, and what their two facts are called. */
import type { Alarm, Severity } from '../../api/types';
import { locale, t } from '../../i18n';
import { sideOf } from '../telemetry/limitBar';
import { measureText, quantityText } from '../telemetry/units';

export const SEVERITIES: readonly Severity[] = ['critical', 'major', 'minor', 'warning'];

export function severityText(severity: Severity): string {
  return t(`severity.${severity}`);
}

/** Both facts in a few words: `active · not acknowledged`. */
export function stateText(alarm: Pick<Alarm, 'active' | 'acknowledged'>): string {
  const first = alarm.active ? t('alarms.active') : t('alarms.cleared');
  return `${first} · ${alarm.acknowledged ? t('alarms.acknowledged') : t('alarms.unacknowledged')}`;
}

/** What happened, in the reader's language where the alarm is about a limit; otherwise as the server says it. */
export function messageOf(
  alarm: Pick<Alarm, 'message' | 'definition' | 'quantity' | 'value' | 'limit' | 'ucum'>,
): string {
  const { quantity, value, limit, ucum, definition } = alarm;
  // Oxygen that falls too fast is told by the time that is left, which can only be too short.
  const side = quantity === 'do_critical_in' ? 'Low' : sideOf(definition);
  if (locale() === 'en-GB' || quantity === null || value === null || limit === null || side === null)
    return alarm.message;
  const values = {
    what: quantityText(quantity),
    value: measureText(value, ucum),
    limit: measureText(limit, ucum),
  };
  return side === 'Low' ? t('alarms.below', values) : t('alarms.above', values);
}

type Facts = Pick<Alarm, 'active' | 'acknowledged' | 'severity' | 'raised_at'>;

/** Unacknowledged and active first, then active, then cleared; in each the worst, then the newest. */
export function inAlarmOrder<T extends Facts>(alarms: readonly T[]): T[] {
  return [...alarms].sort(
    (a, b) =>
      stateRank(a) - stateRank(b) ||
      SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity) ||
      Date.parse(b.raised_at) - Date.parse(a.raised_at),
  );
}

/** How many of each severity are open. */
export function countBySeverity(alarms: readonly Pick<Alarm, 'severity'>[]): Record<Severity, number> {
  const counts: Record<Severity, number> = { critical: 0, major: 0, minor: 0, warning: 0 };
  for (const alarm of alarms) counts[alarm.severity] += 1;
  return counts;
}

const UNIT = /(\d) (?=(?:[mµ]?g\/k?[gL]|%|°C|NTU|mV|cm|hPa|[LA])(?![\w/]))/g;

/** A sentence that does not break inside a name (`tank-1`) or between a number and its unit. */
export function tidy(message: string): string {
  return message.replace(/(\w)-(?=\w)/g, '$1\u2011').replace(UNIT, '$1\u00a0');
}

/** The worst active alarm about one quantity, or `null`. */
export function worstActive(
  alarms: readonly Pick<Alarm, 'active' | 'severity' | 'quantity'>[],
  quantity: string,
): Severity | null {
  const about = alarms.filter((alarm) => alarm.active && alarm.quantity === quantity);
  return SEVERITIES.find((severity) => about.some((alarm) => alarm.severity === severity)) ?? null;
}

function stateRank(alarm: Facts): number {
  if (alarm.active) return alarm.acknowledged ? 1 : 0;
  return alarm.acknowledged ? 3 : 2;
}
