import { describe, expect, it } from 'vitest';
import type { Alarm, Ladder } from '../../api/types';
import { escalationOf, rationaleOf } from './escalation';
import { toneOf } from './sound';

const LADDER: Ladder = {
  steps: [
    { after_s: 0, channels: ['sms'], to: 'primary' },
    { after_s: 120, channels: ['voice'], to: 'backup' },
  ],
  repeat_s: 300,
  rounds: 2,
  hours: 'always',
};
const RAISED = Date.parse('2026-11-21T02:00:00Z');

function alarm(facts: Partial<Alarm> = {}): Alarm {
  const base = {
    active: true,
    acknowledged: false,
    severity: 'critical',
    raised_at: '2026-11-21T02:00:00Z',
    shelved_until: null,
    suppressed_by: null,
  };
  return { ...base, ...facts } as Alarm;
}

describe('an alarm that nobody takes on', () => {
  it('tells who is called next and when', () =>
    expect(escalationOf(alarm(), LADDER, RAISED + 30_000)).toEqual({
      state: 'waiting',
      inS: 90,
      step: LADDER.steps[1],
    }));
  it('repeats the last call, and then says that nobody is left', () => {
    expect(escalationOf(alarm(), LADDER, RAISED + 200_000).state).toBe('repeating');
    expect(escalationOf(alarm(), LADDER, RAISED + 721_000).state).toBe('exhausted');
  });
});

it('an alarm that is taken on, over, shelved or explained by another calls nobody', () => {
  const why = (facts: Partial<Alarm>) => escalationOf(alarm(facts), LADDER, RAISED + 1000);
  expect(why({ acknowledged: true })).toEqual({ state: 'stopped', why: 'acknowledged' });
  expect(why({ active: false })).toEqual({ state: 'stopped', why: 'cleared' });
  expect(why({ shelved_until: '2026-11-21T03:00:00Z' })).toEqual({ state: 'stopped', why: 'shelved' });
  expect(why({ shelved_until: '2026-11-21T01:00:00Z' }).state).toBe('waiting');
  expect(why({ suppressed_by: 'x' })).toEqual({ state: 'stopped', why: 'suppressed' });
});

it('sounds only for what calls', () => {
  expect(toneOf([alarm()])).toBe('critical');
  expect(toneOf([alarm({ severity: 'major' })])).toBe('major');
  expect(
    toneOf([alarm({ severity: 'minor' }), alarm({ acknowledged: true }), alarm({ active: false })]),
  ).toBeNull();
});

it('a rationale of the definition itself comes before one for many', () => {
  const all = [{ definition: '*.low.critical' }, { definition: 'do.low.critical' }, { definition: '*' }];
  expect(rationaleOf(all, 'do.low.critical')?.definition).toBe('do.low.critical');
  expect(rationaleOf(all, 'ph.low.critical')?.definition).toBe('*.low.critical');
  expect(rationaleOf(all, 'site.dark')?.definition).toBe('*');
  expect(rationaleOf(all.slice(0, 2), 'doxlow.critical')).toBeUndefined();
});
