import { describe, expect, it } from 'vitest';
import type { LabelTaskDetail } from '../../api/labels';
import { between, moved, resized } from './boxes';
import { begun, reduce, unnamed, type Draft } from './draft';

const FISH = { x: 0.2, y: 0.2, w: 0.2, h: 0.2 };

const TASK = {
  task: { proposals: [{ label: 'fish', confidence: 0.6, box: FISH }] },
  settings: { classes: ['fish', 'net'], image_classes: ['murky'], scores: [] },
  labels: [],
} as unknown as LabelTaskDetail;

describe('a box', () => {
  it('lies between two points however it is dragged, within the picture', () => {
    const box = between({ x: 0.5, y: 0.6 }, { x: -0.2, y: 0.2 });
    expect(box?.x).toBe(0);
    expect(box?.w).toBeCloseTo(0.5);
    expect(box?.h).toBeCloseTo(0.4);
  });
  it('is none when it was a tap', () => expect(between({ x: 0.5, y: 0.5 }, { x: 0.501, y: 0.9 })).toBeNull());
  it('stays whole at the edge', () => expect(moved(FISH, 5, -5)).toEqual({ ...FISH, x: 0.8, y: 0 }));
  it('is sized from one corner while the other stays', () => {
    const box = resized(FISH, 'nw', { x: 0.1, y: 0.15 });
    expect([box.x, box.y]).toEqual([0.1, 0.15]);
    expect(box.x + box.w).toBeCloseTo(0.4);
    expect(resized(FISH, 'se', { x: 0, y: 0 }).w).toBeGreaterThan(0);
  });
});

describe('a draft', () => {
  const draft: Draft = begun(TASK, 'ada@x.example');

  it('begins with what the model proposes, and with one’s own answer where there is one', () => {
    expect(draft.boxes).toEqual([{ label: 'fish', box: FISH }]);
    const former = {
      ...TASK,
      labels: [{ annotator: 'ada@x.example', boxes: [], classes: ['murky'], scores: {} }],
    };
    expect(begun(former as unknown as LabelTaskDetail, 'ada@x.example').classes).toEqual(['murky']);
  });
  it('goes back step by step', () => {
    const drawn = reduce(draft, { do: 'add', box: FISH });
    const named = reduce(drawn, { do: 'label', label: 'net' });
    expect(named.boxes[1]?.label).toBe('net');
    const gone = reduce(named, { do: 'remove' });
    expect(gone.boxes).toHaveLength(1);
    expect(reduce(gone, { do: 'back' }).boxes).toHaveLength(2);
    expect(reduce(reduce(reduce(gone, { do: 'back' }), { do: 'back' }), { do: 'back' }).boxes).toEqual(
      draft.boxes,
    );
  });
  it('says which boxes still need a class', () => {
    expect(unnamed(draft, ['salmon'])).toEqual([0]);
    expect(unnamed(draft, ['fish'])).toEqual([]);
  });
  it('selects around', () => {
    const two = reduce(draft, { do: 'add', box: FISH });
    expect(reduce(two, { do: 'cycle', by: 1 }).selected).toBe(0);
    expect(reduce(reduce(two, { do: 'select', index: null }), { do: 'cycle', by: -1 }).selected).toBe(1);
  });
});
