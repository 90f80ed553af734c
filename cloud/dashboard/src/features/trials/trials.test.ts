import { describe, expect, it } from 'vitest';
import type { TrialBox } from '../../api/types';
import { agreementOf, byAgreement, daysOf, deedsOf, enough, shareOf, shouldHaveIt, toldOf } from './rules';

const ada = 'ada@nordfjord.example';
const began = '2026-11-01T00:00:00Z';

describe('a trial in some tanks', () => {
  it('is approved by somebody else, and adopted once there is something to adopt', () => {
    const proposed = { status: 'proposed', created_by: ada, began_at: null } as const;
    expect(deedsOf(proposed, ada)).toEqual(['end']);
    expect(deedsOf(proposed, 'bo@nordfjord.example')).toEqual(['approve', 'end']);
    expect(deedsOf({ ...proposed, status: 'running', began_at: began }, ada)).toEqual(['adopt', 'end']);
    expect(deedsOf({ ...proposed, status: 'ended', began_at: began }, ada)).toEqual(['adopt']);
    expect(deedsOf({ ...proposed, status: 'refused' }, ada)).toEqual([]);
  });

  it('shows boxes that differ before those that nobody has heard', () => {
    const box = (device: string, agrees: boolean | null): TrialBox => ({
      site: 'fjord',
      device,
      state: 'committed',
      reason: '',
      active_at: null,
      ended_at: null,
      heard_at: '2026-11-09T11:59:40Z',
      units: [],
      agrees,
    });
    const boxes = [box('a', true), box('b', null), box('c', false), box('d', true)];
    const now = Date.parse('2026-11-09T12:00:00Z');
    expect(byAgreement(boxes, now).map((each) => each.device)).toEqual(['c', 'b', 'a', 'd']);
    expect(agreementOf(box('a', true), now)).toBe('agrees');
    expect(agreementOf(box('a', true), now + 900_000)).toBe('not_known');
    expect(agreementOf(box('c', false), now + 900_000)).toBe('differs');
  });

  it('gives a tank back with its box', () => {
    const tank = { unit: 'tank-2', in_trial: true, running_sha256: null, running: '' };
    expect(shouldHaveIt(tank, { ended_at: null })).toBe(true);
    expect(shouldHaveIt(tank, { ended_at: began })).toBe(false);
    expect(shouldHaveIt({ ...tank, in_trial: false }, { ended_at: null })).toBe(false);
  });

  it('says that boxes are too few rather than that there is no difference', () => {
    expect([0, 2, 3, 5, 6].map(enough)).toEqual([
      'none',
      'no_interval',
      'no_verdict',
      'no_verdict',
      'enough',
    ]);
    const count = {
      measure: 'count',
      boxes: 5,
      mean: 1.2,
      low: 1.1,
      high: 1.3,
      p: 0.06,
      verdict: 'not_told',
    } as const;
    expect(toldOf(count)).toBe('too_few');
    expect(toldOf({ ...count, boxes: 6 })).toBe('not_told');
    expect(toldOf({ ...count, boxes: 6, verdict: 'higher' })).toBe('count.higher');
  });

  it('takes days and shares as people type them', () => {
    expect(['14', '0,5', '0', '91', '', 'two'].map(daysOf)).toEqual([14, 0.5, null, null, null, null]);
    expect(['50', '33,3', '0', '100', ''].map(shareOf)).toEqual([0.5, 0.33299999999999996, null, null, null]);
  });
});
