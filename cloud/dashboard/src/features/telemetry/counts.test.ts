import { describe, expect, it } from 'vitest';
import type { CountSeries, ModelChange } from '../../api/types';
import { castBackOf, countColumns, countsAsked, countsFile, realChanges } from './counts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

function at(hour: number): string {
  return new Date(Date.UTC(2031, 1, 1, hour)).toISOString();
}

function change(hour: number, sha256: string, device = 'box-1'): ModelChange {
  return {
    at: at(hour),
    device,
    change: 'activated',
    sha256,
    model: 'fish-detector',
    version: '1.1.0',
    rollout_id: null,
    reason: '',
    count_ratio: null,
  };
}

/** Hours with what was counted and what it was cast back to. */
function series(hours: [number, number, number | null][], changes: ModelChange[]): CountSeries {
  const items = hours.map(([hour, mean, castBack]) => ({
    at: at(hour),
    observations: 360,
    mean,
    cast_back: castBack,
  }));
  return { unit_id: 1, resolution: 'hour', items, changes, derived: true };
}

describe('what is asked of counts', () => {
  it('is whole buckets, finer for a shorter time', () => {
    const asked = countsAsked({ startMs: 10 * DAY + 61_000, endMs: 11 * DAY + 61_000 });
    expect(asked).toEqual({ resolution: 'five_minutes', startMs: 10 * DAY, endMs: 11 * DAY + 300_000 });
    expect(countsAsked({ startMs: 0, endMs: 7 * DAY }).resolution).toBe('hour');
  });
  it('is the newest part of a time that is longer than one answer', () => {
    const asked = countsAsked({ startMs: 0, endMs: 300 * DAY });
    expect(asked).toEqual({ resolution: 'day', startMs: 210 * DAY, endMs: 300 * DAY });
  });
});

describe('counts in a chart', () => {
  it('stand in the middle of their bucket, and silence is a gap', () => {
    const { times, counted, castBack } = countColumns(
      series(
        [
          [0, 40, 50],
          [1, 40, null],
          [6, 50, 50],
        ],
        [],
      ),
    );
    expect(times.map((time) => (time * 1000 - Date.parse(at(0))) / HOUR)).toEqual([0.5, 1.5, 4, 6.5]);
    expect(counted).toEqual([40, 40, null, 50]);
    expect(castBack).toEqual([50, null, null, 50]);
  });
  it('say what can be cast back', () => {
    const changed = [change(2, 'new')];
    expect(castBackOf(series([[0, 40, 40]], []))).toBe('unchanged');
    expect(castBackOf(series([[3, 40, 40]], changed))).toBe('unchanged');
    expect(castBackOf(series([[0, 40, 50], [3, 50, 50]], changed))).toBe('known'); // prettier-ignore
    expect(castBackOf(series([[0, 40, null], [3, 50, 50]], changed))).toBe('unknown'); // prettier-ignore
    expect(castBackOf(series([[0, 40, null], [1, 40, 50], [3, 50, 50]], changed))).toBe('partly'); // prettier-ignore
  });
  it('leave a cell empty where nothing can be cast back', () => {
    expect(countsFile(series([[0, 40.5, null]], []))).toBe(
      `time,observations,counted,cast_back\r\n${at(0)},360,40.5,\r\n`,
    );
  });
});

describe('changes of models', () => {
  it('are told once however often a box says what it runs, newest first', () => {
    const told = realChanges([change(1, 'a'), change(2, 'a'), change(3, 'b'), change(4, 'a', 'box-2')]);
    expect(told.map(({ at: when }) => when)).toEqual([at(4), at(3), at(1)]);
  });
});
