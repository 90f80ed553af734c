import { describe, expect, it } from 'vitest';
import {
  ageText,
  elapsedSeconds,
  farmClock,
  secondsBetween,
  serverNowMs,
  shortAgeText,
  startOfDayMs,
} from './time';

describe('an age in words', () => {
  it.each([
    [0, '0 s'],
    [59.9, '59 s'],
    [60, '1 min 00 s'],
    [185, '3 min 05 s'],
    [3600, '1 h 00 min'],
    [8040, '2 h 14 min'],
    [90_000, '1 d 1 h'],
    [-3, '0 s'],
  ])('%d seconds is %s', (seconds, words) => expect(ageText(seconds)).toBe(words));

  it('drops what no longer matters in narrow places', () => {
    expect(shortAgeText(1385)).toBe('23 min');
    expect(shortAgeText(200_000)).toBe('2 d');
  });
});

describe('time since an answer arrived', () => {
  it('counts sleep, which the monotonic clock of some machines misses', () => {
    expect(elapsedSeconds({ wallMs: 0, monotonicMs: 0 }, { wallMs: 600_000, monotonicMs: 2_000 })).toBe(600);
  });

  it('is not made younger by a wall clock that was set back', () => {
    expect(elapsedSeconds({ wallMs: 90_000, monotonicMs: 0 }, { wallMs: 0, monotonicMs: 5_000 })).toBe(5);
  });
});

describe('the farm’s clock', () => {
  it('follows the server, not this computer', () => {
    const then = { wallMs: 1, monotonicMs: 1 };
    const now = { wallMs: 3_001, monotonicMs: 3_001 };
    expect(serverNowMs('2026-11-21T10:00:00Z', then, now)).toBe(Date.parse('2026-11-21T10:00:03Z'));
  });

  it('shows the farm’s own zone', () => {
    expect(farmClock(Date.parse('2026-11-21T10:03:00Z'), 'Europe/Oslo')).toBe('11:03');
  });

  it('never shows a negative difference between two clocks', () => {
    expect(secondsBetween('2026-11-21T10:00:05Z', '2026-11-21T10:00:00Z')).toBe(0);
  });
});

describe('the day of a farm', () => {
  it.each([
    ['2026-11-21T10:03:07.250Z', 'Europe/Oslo', '2026-11-20T23:00:00.000Z'],
    ['2026-11-21T10:03:00Z', 'America/Santiago', '2026-11-21T03:00:00.000Z'],
    ['2026-03-29T10:00:00Z', 'Europe/Oslo', '2026-03-28T23:00:00.000Z'],
    ['2026-10-25T10:00:00Z', 'Europe/Oslo', '2026-10-24T22:00:00.000Z'],
  ])('of %s in %s began at %s', (at, zone, began) =>
    expect(new Date(startOfDayMs(Date.parse(at), zone)).toISOString()).toBe(began),
  );
});
