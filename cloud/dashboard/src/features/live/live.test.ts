import { describe, expect, it } from 'vitest';
import type { Alarm, Delta, Site, Snapshot } from '../../api/types';
import { Connection, type LinkPhase, type Socket } from './connection';
import { folded, latestOf, withAlarm, type Known } from './state';

const at = (second: number): string => new Date(Date.UTC(2026, 10, 21, 10, 0, second)).toISOString();
const site = { id: 1, slug: 'fjord', name: 'Fjord', timezone: 'Europe/Oslo' } as Site;
const alarm = {
  id: 'a',
  site: 'fjord',
  severity: 'critical',
  active: true,
  acknowledged: false,
  unit: { id: 3, slug: 'tank-3', name: 'Tank 3' },
} as Alarm;
const snapshot = {
  type: 'snapshot',
  seq: 7,
  resume: 'r7',
  server_time: at(10),
  interval_s: 1,
  sites: [{ site: 'fjord', units: [{ id: 3, slug: 'tank-3', name: 'Tank 3', site: 'fjord' }] }],
  channels: [
    {
      channel_id: 30,
      unit_id: 3,
      quantity: 'do',
      value: 8.9,
      observed_at: at(9),
      age_s: 1,
      quality: 1,
      tests: [],
      stale: false,
      stale_after_s: 60,
    },
  ],
  observations: [],
  alarms: [],
  devices: [{ id: 1, slug: 'box-1', state: 'online' }],
} as unknown as Snapshot;
const delta = (seq: number, more: Partial<Delta> = {}): Delta => ({
  type: 'delta',
  seq,
  resume: `r${seq}`,
  server_time: at(seq + 3),
  ...more,
});
const reading = (value: number, second: number) => ({
  channel_id: 30,
  unit_id: 3,
  value,
  observed_at: at(second),
  age_s: 0,
  quality: 1 as const,
});
const known = (...messages: (Snapshot | Delta)[]): Known => {
  let state: Known | null = null;
  for (const message of messages) {
    const next = folded(state, message);
    if (next === 'gap') throw new Error('a gap');
    state = next;
  }
  if (state === null) throw new Error('nothing');
  return state;
};

describe('what is known from a stream', () => {
  it('is the snapshot with every delta in it, as the API would answer', () => {
    const state = known(snapshot, delta(8, { readings: [reading(4.4, 11)], alarms: [alarm] }));
    const { units, server_time, site: farm, devices } = latestOf(state, site);
    expect(server_time).toBe(at(11));
    expect(units[0]?.readings[0]).toMatchObject({ value: 4.4, age_s: 0, stale: false, quantity: 'do' });
    expect(units[0]).toMatchObject({ worst_severity: 'critical', alarms: { critical: 1, major: 0 } });
    expect(farm).toMatchObject({ name: 'Fjord', open_alarms: 1, devices_online: 1 });
    expect(devices).toHaveLength(1);
  });

  it('grows older with every message that does not renew a value', () => {
    const late = { ...delta(8), server_time: at(10 + 65) };
    expect(latestOf(known(snapshot, late), site).units[0]?.readings[0]).toMatchObject({
      age_s: 66,
      stale: true,
    });
  });

  it('loses an alarm that has ended and was acknowledged, and keeps one that nobody saw', () => {
    const raised = known(snapshot, delta(8, { alarms: [alarm] }));
    const unseen = known(
      snapshot,
      delta(8, { alarms: [alarm] }),
      delta(9, { alarms: [{ ...alarm, active: false }] }),
    );
    expect(unseen.alarms.get('a')?.active).toBe(false);
    expect(latestOf(unseen, site).units[0]?.worst_severity).toBeNull();
    expect(withAlarm(raised, { ...alarm, acknowledged: true }).alarms.get('a')?.acknowledged).toBe(true);
    expect(withAlarm(unseen, { ...alarm, active: false, acknowledged: true }).alarms.size).toBe(0);
  });

  it.each([
    ['a number is missing', delta(9)],
    ['a number comes twice', delta(7)],
    ['a channel was never described', delta(8, { readings: [{ ...reading(1, 1), channel_id: 99 }] })],
    ['a unit is new', delta(8, { observations: [{ unit_id: 9, observation: null, evidence: null }] })],
    ['a heartbeat counts further', { type: 'heartbeat', seq: 8, server_time: at(20), store: 'ok' }],
  ] as const)('is a gap when %s', (_why, message) => {
    expect(folded(known(snapshot), message)).toBe('gap');
  });

  it('is confirmed by a heartbeat, unless the server does not see its store', () => {
    const state = known(snapshot);
    const beat = { type: 'heartbeat', seq: 7, server_time: at(25) } as const;
    expect(folded(state, { ...beat, store: 'ok' })).toMatchObject({ serverTime: at(25) });
    expect(folded(state, { ...beat, store: 'unavailable' })).toBe(state);
  });
});

/** Sockets and timers in the hands of the test. */
function played() {
  const sockets: (Socket & { sent: Record<string, unknown>[]; closed: boolean; token: string })[] = [];
  const timers: { ms: number; run: () => void }[] = [];
  const phases: LinkPhase[] = [];
  const told: Known[] = [];
  const stage = { token: 'one' as string | null };
  const connection = new Connection('fjord', {
    open: (token) => {
      const socket = {
        token,
        sent: [] as Record<string, unknown>[],
        closed: false,
        onopen: null,
        onmessage: null,
        onclose: null,
        send(text: string) {
          this.sent.push(JSON.parse(text) as Record<string, unknown>);
        },
        close() {
          this.closed = true;
        },
      };
      sockets.push(socket);
      return socket;
    },
    token: () => Promise.resolve(stage.token),
    after: (ms, run) => {
      const timer = { ms, run };
      timers.push(timer);
      return () => void timers.splice(timers.indexOf(timer) >>> 0, 1);
    },
    chance: () => 0.5,
    onKnown: (state) => told.push(state),
    onPhase: (phase) => phases.push(phase),
  });
  const elapse = async (ms: number): Promise<void> => {
    const timer = timers.find((each) => each.ms === ms);
    if (timer === undefined)
      throw new Error(`no timer of ${ms} ms among ${timers.map((each) => each.ms).join()}`);
    timers.splice(timers.indexOf(timer), 1);
    timer.run();
    await settled();
  };
  const settled = async (): Promise<void> => {
    for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
  };
  const say = (message: unknown): void => sockets.at(-1)?.onmessage?.({ data: JSON.stringify(message) });
  return { connection, sockets, timers, phases, told, stage, elapse, settled, say };
}

describe('the connection', () => {
  it('goes on where it broke off, and counts nothing twice', async () => {
    const { connection, sockets, told, elapse, settled, say, phases } = played();
    connection.start();
    await settled();
    sockets[0]?.onopen?.();
    expect(sockets[0]?.sent).toEqual([{ type: 'subscribe', sites: ['fjord'], units: null, resume: null }]);
    say(snapshot);
    say(delta(8, { readings: [reading(8.8, 11)] }));
    sockets[0]?.onclose?.();
    expect(phases.at(-1)).toBe('waiting');
    await elapse(750);
    sockets[1]?.onopen?.();
    expect(sockets[1]?.sent[0]).toMatchObject({ resume: 'r8' });
    say(delta(9, { alarms: [alarm] }));
    expect(told.map((state) => state.seq)).toEqual([7, 8, 9]);
    expect(told.at(-1)?.alarms.size).toBe(1);
  });

  it('asks for a snapshot where something is missing, and tells nothing that rests on a hole', async () => {
    const { connection, sockets, told, settled, say } = played();
    connection.start();
    await settled();
    sockets[0]?.onopen?.();
    say(snapshot);
    say(delta(10));
    expect(sockets[0]?.sent.at(-1)).toMatchObject({ type: 'subscribe', resume: null });
    say({ ...snapshot, seq: 11 });
    expect(told.map((state) => state.seq)).toEqual([7, 11]);
  });

  it('waits longer after each failure, up to half a minute, and a first message ends that', async () => {
    const { connection, sockets, settled, elapse, timers, say } = played();
    connection.start();
    await settled();
    for (const wait of [750, 1_500, 3_000, 6_000, 12_000, 22_500, 22_500]) {
      sockets.at(-1)?.onclose?.();
      expect(timers.map((timer) => timer.ms)).toEqual([wait]);
      await elapse(wait);
    }
    sockets.at(-1)?.onopen?.();
    say(snapshot);
    sockets.at(-1)?.onclose?.();
    expect(timers.map((timer) => timer.ms)).toEqual([750]);
  });

  it('gives a silent socket up after three heartbeats', async () => {
    const { connection, sockets, settled, elapse, say } = played();
    connection.start();
    await settled();
    sockets[0]?.onopen?.();
    say(snapshot);
    await elapse(45_000);
    expect(sockets[0]?.closed).toBe(true);
    await elapse(750);
    expect(sockets).toHaveLength(2);
  });

  it('hands over the next token on the same socket', async () => {
    const { connection, sockets, settled, elapse, stage, say } = played();
    connection.start();
    await settled();
    sockets[0]?.onopen?.();
    say(snapshot);
    await elapse(10_000);
    expect(sockets[0]?.sent).toHaveLength(1);
    stage.token = 'two';
    await elapse(10_000);
    expect(sockets[0]?.sent.at(-1)).toEqual({ type: 'authenticate', token: 'two' });
  });

  it('opens nothing without a token, and nothing after its end', async () => {
    const { connection, sockets, settled, timers, stage } = played();
    stage.token = null;
    connection.start();
    await settled();
    expect(sockets).toHaveLength(0);
    connection.end();
    expect(timers).toHaveLength(0);
  });
});
