import { describe, expect, it } from 'vitest';
import { linkOf } from './link';

const serverMs = Date.parse('2026-11-21T10:00:00Z');
const online = { name: 'edge-1', state: 'online' as const, last_seen_at: '2026-11-21T09:59:58Z' };
const offline = { ...online, name: 'edge-2', state: 'offline' as const };
const silent = { ...online, state: 'unknown' as const, last_seen_at: null };

describe('the link to a farm', () => {
  it.each([
    ['live', [online], 1],
    ['stale', [online, offline], 1],
    ['stale', [{ ...online, last_seen_at: '2026-11-21T09:57:00Z' }], 1],
    ['stale', [silent], 1],
    ['offline', [offline], 1],
    ['no_device', [], 1],
    ['no_connection', [online], 11],
  ] as const)('is %s', (state, devices, silentS) => {
    expect(linkOf({ devices, serverMs, silentS }).state).toBe(state);
  });
});
