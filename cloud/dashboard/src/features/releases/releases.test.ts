import { describe, expect, it } from 'vitest';
import type { Release, Signatures } from '../../api/types';
import { endOf, keysToSign, nameOfRole, runnable, stateOf, wayBack } from './rules';

const signatures: Signatures = { threshold: 2, signed: 2, missing: 0, keys: [] };

function release(model: string, number: number, also: Partial<Release> = {}): Release {
  return {
    model,
    kind: 'model',
    version: `1.${number}.0`,
    release: number,
    sha256: 'ab'.repeat(32),
    bytes: 1,
    created_at: '2026-11-01T00:00:00Z',
    state: 'published',
    runnable: true,
    signatures,
    ...also,
  };
}

describe('a release', () => {
  it('goes back to the newest earlier one of its name that boxes may run', () => {
    const releases = [
      release('eyes', 4, { state: 'proposed' }),
      release('eyes', 3),
      release('eyes', 2),
      release('eyes', 1, { runnable: false }),
      release('other', 1),
    ];
    const names = [{ name: 'eyes', kind: 'model' as const, floor: 2, older: 0, releases }];
    const all = runnable({ names });
    expect(all.map((one) => one.release)).toEqual([3, 2, 1]);
    expect(wayBack(release('eyes', 3), all)).toBe('1.2.0');
    expect(wayBack(release('eyes', 2), all)).toBeNull();
  });

  it('below the floor is no longer one that boxes run', () => {
    expect(stateOf({ state: 'published', runnable: false })).toBe('below');
    expect(stateOf({ state: 'proposed', runnable: true })).toBe('proposed');
  });
});

describe('a role', () => {
  const now = Date.parse('2026-11-30T12:00:00Z');

  it('of people is told weeks before it ends, one of the server hours', () => {
    const inDays = (days: number): string => new Date(now + days * 86_400_000).toISOString();
    expect(endOf({ expires_at: inDays(40), online: false }, now)).toBe('fine');
    expect(endOf({ expires_at: inDays(20), online: false }, now)).toBe('soon');
    expect(endOf({ expires_at: inDays(0.9), online: true }, now)).toBe('fine');
    expect(endOf({ expires_at: inDays(0.4), online: true }, now)).toBe('soon');
    expect(endOf({ expires_at: inDays(-1), online: true }, now)).toBe('over');
  });

  it('names whose signatures it still waits for, each once', () => {
    const need = (missing: number, ...open: string[]): Signatures => ({
      threshold: 2,
      signed: 2 - missing,
      missing,
      keys: open.map((name) => ({ keyid: name, name, signed: false })),
    });
    expect(keysToSign({ needs: [need(1, 'cy', 'ada'), need(1, 'cy', 'dan'), need(0, 'eve')] })).toEqual([
      'ada',
      'cy',
      'dan',
    ]);
    expect(nameOfRole('model-fish-detector')).toBe('fish-detector');
    expect(nameOfRole('root')).toBe('root');
  });
});
