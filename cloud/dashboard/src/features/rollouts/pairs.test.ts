import { describe, expect, it } from 'vitest';
import { alone } from './pairs';

const fish = (x: number, confidence = 0.9, label = 'fish') => ({
  label,
  confidence,
  box: { x, y: 0.2, w: 0.1, h: 0.1 },
});

describe('boxes without a partner', () => {
  it('are those that the other model has nowhere near', () => {
    expect(alone([fish(0.1), fish(0.5)], [fish(0.11)])).toEqual([fish(0.5)]);
    expect(alone([fish(0.1)], [])).toEqual([fish(0.1)]);
  });
  it('are those of another label', () =>
    expect(alone([fish(0.1)], [fish(0.1, 0.9, 'crab')])).toHaveLength(1));
  it('count each partner once, for the surest', () => {
    expect(alone([fish(0.1, 0.4), fish(0.101, 0.8)], [fish(0.1)])).toEqual([fish(0.1, 0.4)]);
  });
});
