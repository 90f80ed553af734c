import { describe, expect, it } from 'vitest';
import type { Alarm, ModelChange, SeriesPoint } from '../../api/types';
import { evidenceOf } from './evidence';
import { toColumns } from './gaps';
import { limitBar, limitsFor, limitsFromAlarms, zoneOf } from './limitBar';
import { markersOf } from './markers';
import { flagReason, qualityLook } from './quality';
import { isStale, readingAge } from './staleness';
import { inReadingOrder, measureText, shownOf, unitText, valueText } from './units';

const at = (seconds: number) => ({ wallMs: seconds * 1000, monotonicMs: seconds * 1000 });

describe('staleness', () => {
  const fresh = { age_s: 1.4, stale: false, stale_after_s: 60 };

  it('counts on from the age that the server told', () => {
    expect(readingAge(fresh, at(100), at(107))).toBeCloseTo(8.4);
  });

  it('takes each channel’s own limit, also that of a probe that speaks every five minutes', () => {
    expect(isStale({ age_s: 250, stale: false, stale_after_s: 900 }, at(100), at(102))).toBe(false);
    expect(isStale({ ...fresh, stale: true }, at(100), at(100))).toBe(true);
    expect(isStale({ ...fresh, age_s: null }, at(100), at(100))).toBe(true);
  });

  it('turns a value stale by itself when the server is silent', () => {
    expect(isStale(fresh, at(100), at(150))).toBe(false);
    expect(isStale(fresh, at(100), at(160))).toBe(true);
  });
});

describe('a limit bar', () => {
  const oxygen = { criticalLow: 5, warningLow: 7, warningHigh: null, criticalHigh: null };

  it('is not drawn when no limit is known', () => {
    expect(
      limitBar(8, { criticalLow: null, warningLow: null, warningHigh: null, criticalHigh: null }),
    ).toBeNull();
  });

  it('has a zone on each side of every limit', () => {
    const bar = limitBar(6, oxygen);
    expect(bar?.segments.map((segment) => segment.zone)).toEqual(['critical', 'warning', 'normal']);
    expect(bar?.zone).toBe('warning');
    expect(bar?.segments[0]?.from).toBe(0);
    expect(bar?.segments.at(-1)?.to).toBe(1);
  });

  it('keeps a value outside on the bar', () => {
    expect(limitBar(0, oxygen)?.marker).toBe(0);
    expect(limitBar(40, oxygen)?.marker).toBe(1);
    expect(limitBar(null, oxygen)?.marker).toBeNull();
  });

  it('still has room around a single limit', () => {
    const bar = limitBar(6, { ...oxygen, warningLow: null });
    expect(bar?.segments.map((segment) => segment.zone)).toEqual(['critical', 'normal']);
    expect(bar?.marker).toBeGreaterThan(0.5);
  });

  it('counts a value on the limit as inside', () => {
    expect(zoneOf(7, oxygen)).toBe('normal');
    expect(zoneOf(6.99, oxygen)).toBe('warning');
    expect(zoneOf(4.99, oxygen)).toBe('critical');
  });

  it('learns limits from alarms of the same quantity', () => {
    const alarms = [
      { quantity: 'do', limit: 6, definition: 'do.low.critical', severity: 'critical' },
      { quantity: 'do', limit: 7, definition: 'do.low.warning', severity: 'major' },
      { quantity: 'temperature', limit: 14, definition: 'temperature.high.warning', severity: 'warning' },
      { quantity: 'do', limit: null, definition: 'do.silent', severity: 'minor' },
    ];
    expect(limitsFromAlarms(alarms, 'do')).toEqual({
      criticalLow: 6,
      warningLow: 7,
      warningHigh: null,
      criticalHigh: null,
    });
  });
});

describe('a series', () => {
  const point = (second: number, good = 10): SeriesPoint => ({
    t: new Date(second * 1000).toISOString(),
    n: 10,
    min: 1,
    max: 3,
    mean: 2,
    last: 2,
    good,
  });

  it('breaks the line where buckets are absent', () => {
    const columns = toColumns([point(0), point(10), point(20), point(80), point(90)], 10);
    expect(columns.times).toEqual([0, 10, 20, 50, 80, 90]);
    expect(columns.mean).toEqual([2, 2, 2, null, 2, 2]);
  });

  it('does not tear apart a probe that is slower than the bucket', () => {
    const columns = toColumns([point(0), point(60), point(120), point(180)], 10);
    expect(columns.mean).toEqual([2, 2, 2, 2]);
  });

  it('marks buckets that hold doubtful readings', () => {
    expect(toColumns([point(0), point(10, 9)], 10).doubtful).toEqual([null, 2]);
  });
});

describe('words and units', () => {
  it('shows UCUM as people write it', () => {
    expect(unitText('Cel')).toBe('°C');
    expect(unitText('[pH]')).toBe('');
    expect(unitText('mg/L')).toBe('mg/L');
    expect(measureText(4.606, 'mg/L')).toBe('4.61 mg/L');
    expect(measureText(6, '[pH]')).toBe('6');
  });

  it('shows a dash for no value, and keeps trailing zeros of a live one', () => {
    expect(valueText(null, 2)).toBe('–');
    expect(valueText(7.3, 2)).toBe('7.30');
  });

  it('tells a forecast beyond a day as such, not as 1,440 minutes', () => {
    const forecast = { quantity: 'do_critical_in', decimals: 0, ucum: 'min' };
    expect(shownOf({ ...forecast, value: 1440 })).toEqual({ value: '> 24', unit: 'h' });
    expect(shownOf({ ...forecast, value: 43 })).toEqual({ value: '43', unit: 'min' });
  });

  it('puts oxygen first', () => {
    const order = inReadingOrder([
      { quantity: 'orp', label: 'ORP' },
      { quantity: 'ph', label: 'pH' },
      { quantity: 'do', label: 'Oxygen' },
    ]);
    expect(order.map((reading) => reading.quantity)).toEqual(['do', 'ph', 'orp']);
  });

  it('never trusts a flag it does not know', () => {
    expect(qualityLook(1).trusted).toBe(true);
    expect(qualityLook(7).trusted).toBe(false);
  });

  it('says why by the test that decided it, and nothing of tests that could not be made yet', () => {
    const stuck = { test: 'stuck', quality: 4, meaning: 'The probe repeats itself', remedy: null } as const;
    expect(flagReason({ quality: 4, tests: [stuck] })).toBe('The probe repeats itself');
    expect(flagReason({ quality: 4, tests: [{ ...stuck, meaning: null }] })).toBe('stuck');
    expect(flagReason({ quality: 3, tests: [] })).toBeNull();
    expect(flagReason({ quality: 1, tests: [{ ...stuck, quality: 2 }] })).toBeNull();
  });
});

describe('limits that the box tells', () => {
  const told = [
    { severity: 'critical', side: 'low' as const, value: 5 },
    { severity: 'warning', side: 'low' as const, value: 7 },
    { severity: 'minor', side: 'low' as const, value: 6.5 },
  ];

  it('are used before any alarm is open', () => {
    const limits = limitsFor({ quantity: 'do', limits: told }, []);
    expect(limits).toEqual({ criticalLow: 5, warningLow: 7, warningHigh: null, criticalHigh: null });
    expect(limitBar(6, limits)?.zone).toBe('warning');
  });

  it('give way to open alarms when the box tells none', () => {
    const alarm = { quantity: 'do', limit: 4, definition: 'do.low.critical', severity: 'critical' };
    expect(limitsFor({ quantity: 'do', limits: [] }, [alarm]).criticalLow).toBe(4);
  });
});

describe('where a limit comes from', () => {
  it.each([
    ['Fivelstad 1999 [V]', 'Fivelstad 1999', ['V'], false],
    ['Remen 2016 [V/K]', 'Remen 2016', ['V', 'K'], false],
    ['Own trial: warmer water [site]', 'Own trial: warmer water', ['site'], false],
    ['Handbook [S/K]; confirm with a fish-health person', 'Handbook', ['S', 'K'], true],
    ['Handbook [K]; smolt', 'Handbook; smolt', ['K'], true],
    ['By agreement', 'By agreement', [], false],
  ])('%s', (told, source, tags, toConfirm) => {
    expect(evidenceOf(told)).toEqual({ source, tags, toConfirm });
  });

  it('is unknown from a box that does not tell', () => {
    expect(evidenceOf(null)).toBeNull();
  });
});

describe('marks on a chart', () => {
  it('tell when another model began to look, among what else happened', () => {
    const alarm = { unit: { slug: 'tank-1' }, raised_at: '2026-11-21T10:00:00Z' } as Alarm;
    const change = { at: '2026-11-21T09:00:00Z', change: 'activated' } as ModelChange;
    const marks = markersOf('tank-1', [alarm], [], [change]);
    expect(marks.map((mark) => mark.kind)).toEqual(['model', 'alarm']);
    expect(marks[0]?.at).toBe(Date.parse(change.at) / 1000);
  });
});
