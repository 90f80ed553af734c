import { describe, expect, it } from 'vitest';
import type { DeviceHealth, DeviceStanding, Standing } from '../../api/types';
import '../../i18n/forTests';
import { byRisk, byVerdict, namesOf, risksOf, verdictOf } from './fleet';

const now = Date.parse('2026-11-30T12:00:00Z');
const ago = (seconds: number): string => new Date(now - seconds * 1000).toISOString();

const well: DeviceHealth = {
  site: 'fjord',
  device: 'edge-1',
  state: 'online',
  observed_at: ago(20),
  degraded: [],
  certificate_expires_at: ago(-90 * 86_400),
  uptime_s: 1000,
  outbox_rows: 0,
  outbox_bytes: 0,
  outbox_oldest_age_s: null,
  disk_free_bytes: 40e9,
  rss_bytes: 1,
  cpu_percent: 1,
  model: 'fish-detector 1.0.0',
  provider: 'cpu',
  last_seen_at: ago(1),
  agent_version: '0.1.0',
  clock_trusted: true,
  temperatures_c: { 'CPU-therm': 50 },
  cameras: [{ name: 'cam-a', state: 'running', fps: 5, last_frame_age_s: 0.1 }],
  channel_age_s: { 'tank-1.do': 1 },
};

describe('a box', () => {
  it('that is well has nothing wrong, nor has one whose agent does not tell everything', () => {
    expect(risksOf(well, now)).toEqual([]);
    const old = { ...well, clock_trusted: null, temperatures_c: {}, certificate_expires_at: null };
    expect(risksOf(old, now)).toEqual([]);
  });

  it('is told by each thing that is wrong', () => {
    const words = (also: Partial<DeviceHealth>): string[] =>
      risksOf({ ...well, ...also }, now).map((risk) => risk.words);
    expect(words({ state: 'offline' })).toEqual(['Not connected']);
    expect(words({ observed_at: ago(900) })).toEqual(['Told nothing for 15 min']);
    expect(words({ certificate_expires_at: ago(-86_400) })).toEqual(['Certificate ends soon']);
    expect(words({ certificate_expires_at: ago(5) })).toEqual(['Certificate has ended']);
    expect(words({ disk_free_bytes: 5e8 })).toEqual(['Disk nearly full']);
    expect(words({ clock_trusted: false })).toEqual(['Clock is not right']);
    expect(words({ temperatures_c: { a: 50, b: 96.2 } })).toEqual(['Hot: 96 °C']);
    expect(words({ channel_age_s: { a: 700, b: 900, c: 1 } })).toEqual([
      'b is silent',
      '1 more stream is silent',
    ]);
    expect(words({ cameras: [{ name: 'top', state: 'lost', fps: 0, last_frame_age_s: null }] })).toEqual([
      'Camera top gives no picture',
    ]);
  });

  it('that is worst comes first', () => {
    const boxes = [
      well,
      { ...well, device: 'a', clock_trusted: false },
      { ...well, device: 'b', disk_free_bytes: 1 },
    ];
    expect(byRisk(boxes, now).map(({ box }) => box.device)).toEqual(['b', 'a', 'edge-1']);
  });
});

describe('what runs', () => {
  const standing = (agrees: boolean | null, wanted = true): Standing => ({
    kind: 'model',
    desired: wanted
      ? {
          deployment: 'd',
          name: 'eyes',
          version: '1.0.0',
          sha256: 'ab',
          activate: true,
          changed_at: ago(60),
          sent: true,
        }
      : null,
    reported: null,
    running: null,
    verified_sha256: null,
    committed_sha256: null,
    agrees,
  });

  it('that differs from what was wanted comes first, and nobody wanted is no fault', () => {
    const box = (device: string, ...items: Standing[]): DeviceStanding => ({
      site: 'fjord',
      device,
      last_seen_at: ago(20),
      items,
    });
    const rows = byVerdict(
      [box('a', standing(true), standing(null, false)), box('b', standing(null)), box('c', standing(false))],
      now,
    );
    expect(rows.map((row) => [row.device.device, row.verdict])).toEqual([
      ['c', 'differs'],
      ['b', 'not_known'],
      ['a', 'agrees'],
      ['a', 'not_wanted'],
    ]);
    expect(verdictOf(standing(null, false), ago(20), now)).toBe('not_wanted');
  });

  it('is not known any more on a box that nobody hears, unless it differed', () => {
    expect(verdictOf(standing(true), ago(900), now)).toBe('not_known');
    expect(verdictOf(standing(true), null, now)).toBe('not_known');
    expect(verdictOf(standing(false), ago(900), now)).toBe('differs');
  });

  it('goes to boxes that people name in their own way', () => {
    expect(namesOf(' fjord/a, fjord/b\nfjord/a;x/y ')).toEqual(['fjord/a', 'fjord/b', 'x/y']);
  });
});
