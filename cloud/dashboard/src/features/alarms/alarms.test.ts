import { describe, expect, it } from 'vitest';
import { reaches } from '../auth/rules';
import { countBySeverity, inAlarmOrder, tidy, worstActive } from './order';

const alarm = (
  id: string,
  severity: 'critical' | 'minor',
  active: boolean,
  acknowledged: boolean,
  minute = 0,
) => ({
  id,
  severity,
  active,
  acknowledged,
  raised_at: `2026-11-21T10:${String(minute).padStart(2, '0')}:00Z`,
});

describe('the alarm rail', () => {
  it('shows first what is active and unseen', () => {
    const order = inAlarmOrder([
      alarm('cleared', 'critical', false, false),
      alarm('seen', 'critical', true, true),
      alarm('older', 'minor', true, false, 1),
      alarm('newer', 'minor', true, false, 2),
      alarm('worst', 'critical', true, false),
    ]);
    expect(order.map((item) => item.id)).toEqual(['worst', 'newer', 'older', 'seen', 'cleared']);
  });

  it('keeps numbers and their units on one line', () => {
    expect(tidy('Oxygen 4.6 mg/L is below 6 mg/L')).toBe('Oxygen 4.6\u00a0mg/L is below 6\u00a0mg/L');
    expect(tidy('in tank-1 is')).toBe('in tank\u20111 is');
    expect(tidy('14.2 °C, above 14 °C')).toBe('14.2\u00a0°C, above 14\u00a0°C');
  });

  it('knows the worst alarm about a value, and forgets cleared ones', () => {
    const oxygen = [
      { ...alarm('a', 'critical', false, false), quantity: 'do' },
      { ...alarm('b', 'minor', true, true), quantity: 'do' },
    ];
    expect(worstActive(oxygen, 'do')).toBe('minor');
    expect(worstActive(oxygen, 'ph')).toBeNull();
  });

  it('counts by severity', () => {
    expect(countBySeverity([alarm('a', 'critical', true, false), alarm('b', 'minor', true, true)])).toEqual({
      critical: 1,
      major: 0,
      minor: 1,
      warning: 0,
    });
  });

  it('lets operators acknowledge, and viewers look', () => {
    expect(reaches('viewer', 'operator')).toBe(false);
    expect(reaches('operator', 'operator')).toBe(true);
    expect(reaches('platform_admin', 'operator')).toBe(true);
  });
});
