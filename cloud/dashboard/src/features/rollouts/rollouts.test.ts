import { describe, expect, it } from 'vitest';
import {
  DEFAULT_PLAN,
  isFinal,
  isSlug,
  isVersion,
  leastReason,
  ordersOf,
  planFaults,
  planOf,
  standingsOf,
  waitsForAnother,
} from './rules';

const author = 'anna@nordfjord.example';
const inState = (status: string) => ({ status, created_by: author });

describe('a rollout', () => {
  it('takes only the orders that mean something in its state', () => {
    expect(ordersOf(inState('running'), author)).toEqual(['pause', 'cancel', 'roll_back']);
    expect(ordersOf(inState('paused'), author)).toContain('resume');
    expect(ordersOf(inState('finished'), author)).toEqual(['roll_back']);
    for (const over of ['refused', 'rolling_back', 'rolled_back', 'canceled'])
      expect(ordersOf(inState(over), author)).toEqual([]);
    expect(isFinal('pause')).toBe(false);
    expect(isFinal('roll_back')).toBe(true);
  });

  it('waits for a second person, who is never its author', () => {
    const proposed = inState('proposed');
    expect(ordersOf(proposed, author)).toEqual(['cancel']);
    expect(ordersOf(proposed, undefined)).toEqual(['cancel']);
    expect(ordersOf(proposed, 'bjorn@nordfjord.example')).toEqual(['approve', 'cancel']);
    expect(waitsForAnother(proposed, author)).toBe(true);
    expect(waitsForAnother(inState('asked'), author)).toBe(false);
    expect(leastReason('approve')).toBe(0);
    expect(leastReason('cancel')).toBe(3);
  });

  it('counts a device that failed, is silent, or is in a step unknown here, as lost', () => {
    expect(
      standingsOf({ done: 3, shadow: 2, on_trial: 1, waiting: 4, failed: 1, lost: 1, vanished: 1 }),
    ).toEqual({ done: 3, moving: 3, waiting: 4, lost: 3 });
  });

  it.each([
    ['1.2.0', true],
    ['1.2', false],
    ['v1.2.0', false],
  ])('is of a version like %s: %s', (text, good) => {
    expect(isVersion(text)).toBe(good);
  });

  it('is of a model whose name is a slug', () => {
    expect(isSlug('fish-detector')).toBe(true);
    expect(isSlug('Fish detector')).toBe(false);
  });
});

describe("a plan of one's own", () => {
  it('begins as the shipped one, and says so to the server', () => {
    expect(planFaults(DEFAULT_PLAN)).toEqual([]);
    expect(planOf(DEFAULT_PLAN).waves[1]).toEqual({ name: 'early', share: 0.1, bake_s: 43_200 });
  });
  it('takes a comma for a point', () =>
    expect(planOf({ ...DEFAULT_PLAN, shadowH: '0,5' }).shadow_s).toBe(1800));
  it('without shadow asks its gates of service', () =>
    expect(planOf({ ...DEFAULT_PLAN, shadowH: '0' }).gates[0]?.phase).toBe('live'));
  it.each([
    ['number', { shadowH: 'long' }],
    ['share', { waves: [...DEFAULT_PLAN.waves].reverse() }],
    ['share', { waves: [] }],
    ['name', { waves: [{ name: 'All of it', percent: '100', bakeH: '0' }] }],
    ['limit', { gates: [{ metric: 'errors', atLeast: '', atMost: '' }] }],
    ['limit', { gates: [{ metric: 'errors', atLeast: '3', atMost: '2' }] }],
  ] as const)('is told what is wrong: %s', (fault, part) =>
    expect(planFaults({ ...DEFAULT_PLAN, ...part })).toEqual([fault]),
  );
});
