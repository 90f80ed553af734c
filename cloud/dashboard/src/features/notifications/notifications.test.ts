import { describe, expect, it } from 'vitest';
import type { Ladder } from '../../api/types';
import { ladderFaults, withLadder } from './rules';

const LADDER: Ladder = {
  steps: [
    { after_s: 0, to: 'primary', channels: ['sms'] },
    { after_s: 300, to: 'backup', channels: ['voice', 'sms'] },
  ],
  repeat_s: 600,
  rounds: 3,
  hours: 'always',
};

describe('a ladder', () => {
  it('that climbs is taken', () => expect(ladderFaults(LADDER)).toEqual([]));
  it.each([
    ['no_step', { steps: [] }],
    ['order', { steps: [...LADDER.steps].reverse() }],
    ['no_way', { steps: [{ after_s: 0, to: 'primary', channels: [] }] }],
    ['time', { steps: [{ after_s: NaN, to: 'primary', channels: ['sms'] }] }],
    ['repeat', { repeat_s: 5 }],
    ['rounds', { rounds: 1.5 }],
  ] as const)('says %s', (fault, part) =>
    expect(ladderFaults({ ...LADDER, ...part } as Ladder)).toContain(fault),
  );
});

describe('what is sent when one severity changes', () => {
  const shown = { ladders: { critical: LADDER, major: LADDER }, own: ['critical' as const] };
  it('keeps the other own ladders', () =>
    expect(withLadder(shown, 'major', LADDER)).toEqual({ critical: LADDER, major: LADDER }));
  it('goes back to the shipped one by leaving it out', () =>
    expect(withLadder(shown, 'critical', null)).toEqual({}));
});
