import { describe, expect, it } from 'vitest';
import {
  countText,
  imageQualityText,
  imageTime,
  modelHealthOf,
  modelHealthText,
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

describe('how a model does', () => {
  const good = { quality: 1, frames: 50, frames_dropped: 0 } as const;
  const doubtful = { ...good, quality: 3 } as const;
  const verdict = (status: 'ok' | 'degraded' | 'stale' | 'dark') => ({ status, reason: `Because ${status}` });

  it('is what the server found, as long as nothing newer contradicts it', () => {
    expect(modelHealthOf(doubtful, false, verdict('ok'))).toBe('well');
    expect(modelHealthOf(good, false, verdict('degraded'))).toBe('doubtful');
    expect(modelHealthOf(good, true, verdict('stale'))).toBe('silent');
    expect(modelHealthOf(good, true, verdict('dark'))).toBe('dark');
    // It was well minutes ago and is silent now; it was silent and speaks again.
    expect(modelHealthOf(good, true, verdict('ok'))).toBe('silent');
    expect(modelHealthOf(good, false, verdict('dark'))).toBe('well');
  });

  it('is guessed from the count where the server has not looked', () => {
    expect(modelHealthOf(good, false, undefined)).toBe('well');
    expect(modelHealthOf(doubtful, false, undefined)).toBe('doubtful');
    expect(modelHealthOf({ ...good, frames_dropped: 51 }, false, undefined)).toBe('doubtful');
    expect(modelHealthOf(good, true, undefined)).toBe('silent');
  });

  it('has the reason only where it is the server’s', () => {
    expect(modelHealthText('doubtful', verdict('degraded'))).toBe(
      'The model’s picture is doubtful. Because degraded',
    );
    expect(modelHealthText('silent', verdict('ok'))).toBe('The model is silent');
    expect(modelHealthText('silent', undefined)).toBe('The model is silent');
  });
});
