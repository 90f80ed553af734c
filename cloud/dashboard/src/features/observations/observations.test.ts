import { describe, expect, it } from 'vitest';
import { countText, imageTime, shortHash, spreadText, windowSeconds } from './words';

describe('an observation in words', () => {
  it('tells mean and spread', () => {
    const counts = { count_mean: 11.42, count_min: 9, count_max: 13 };
    expect(countText(counts)).toBe('11.4');
    expect(spreadText(counts)).toBe('9–13');
    expect(spreadText({ ...counts, count_max: 9 })).toBe('9');
  });

  it('claims no count where none was made', () => {
    expect(countText({ count_mean: null, count_min: null, count_max: null })).toBe('–');
    expect(spreadText({ count_mean: null, count_min: null, count_max: null })).toBeNull();
  });

  it('knows its window, its picture and its model', () => {
    const times = { started_at: '2026-11-21T10:00:00Z', observed_at: '2026-11-21T10:00:10Z' };
    expect(windowSeconds(times)).toBe(10);
    expect(imageTime({ ...times, image_observed_at: '2026-11-21T10:00:04Z' })).toBe('2026-11-21T10:00:04Z');
    expect(imageTime({ ...times, image_observed_at: null })).toBe(times.observed_at);
    expect(shortHash('0123456789abcdef')).toBe('01234567');
  });
});
