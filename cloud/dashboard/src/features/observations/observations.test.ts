import { describe, expect, it } from 'vitest';
import {
  countText,
  imageQualityText,
  imageTime,
  shortHash,
  spreadText,
  viewReason,
  windowSeconds,
} from './words';

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

  it('tells how good the picture was and why a count is suspect', () => {
    const parts = { light: 1, glare: 0.99, live: 1, clarity: 0.21, clean: 0.9 };
    expect(imageQualityText({ image_quality: 0.21, image_parts: parts })).toBe(
      'Image quality 21 % (light 100, glare 99, live 100, clarity 21, clean 90)',
    );
    expect(imageQualityText({ image_quality: 0.8, image_parts: null })).toBe('Image quality 80 %');
    expect(imageQualityText({ image_quality: null, image_parts: null })).toBeNull();
    expect(viewReason({ quality_test: 'image_clean' })).toBe('The lens is fouled: clean it');
    expect(viewReason({ quality_test: 'image_new' })).toBe('image_new');
    expect(viewReason({ quality_test: null })).toBeNull();
  });

  it('knows its window, its picture and its model', () => {
    const times = { started_at: '2026-11-21T10:00:00Z', observed_at: '2026-11-21T10:00:10Z' };
    expect(windowSeconds(times)).toBe(10);
    expect(imageTime({ ...times, image_observed_at: '2026-11-21T10:00:04Z' })).toBe('2026-11-21T10:00:04Z');
    expect(imageTime({ ...times, image_observed_at: null })).toBe(times.observed_at);
    expect(shortHash('0123456789abcdef')).toBe('01234567');
  });
});
