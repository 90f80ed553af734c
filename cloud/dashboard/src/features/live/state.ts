/**
 * What is known of one farm from its live stream: a snapshot, then numbered deltas, folded into the shapes that every
 * page reads. Pure: no socket, no clock. A message that does not follow is a gap, and a gap is never papered over.
 */
import type {
  Alarm,
  Closing,
  Delta,
  Device,
  Heartbeat,
  Site,
  SiteLatest,
  Snapshot,
  Unit,
} from '../../api/types';
import { SEVERITIES } from '../alarms/order';

export type LiveMessage = Snapshot | Delta | Heartbeat | Closing;
type Channel = Snapshot['channels'][number];
type Seen = Snapshot['observations'][number];

export interface Known {
  readonly seq: number;
  readonly resume: string;
  readonly serverTime: string;
  readonly units: readonly Unit[];
  readonly channels: ReadonlyMap<number, Channel>;
  readonly observations: ReadonlyMap<number, Seen>;
  readonly alarms: ReadonlyMap<string, Alarm>;
  readonly devices: ReadonlyMap<number, Device>;
}

/** The state after a message, or `gap`: then only a new snapshot tells the truth. */
export function folded(known: Known | null, message: Snapshot | Delta | Heartbeat): Known | 'gap' {
  if (message.type === 'snapshot') return fromSnapshot(message);
  if (known === null) return 'gap';
  if (message.type === 'heartbeat') {
    if (message.seq !== known.seq) return 'gap';
    return message.store === 'ok' ? { ...known, serverTime: message.server_time } : known;
  }
  return message.seq === known.seq + 1 ? fromDelta(known, message) : 'gap';
}

/** An alarm as the server answered it to a person's click; the stream tells the same a moment later. */
export function withAlarm(known: Known, alarm: Alarm): Known {
  return { ...known, alarms: merged(known.alarms, [alarm], (each) => each.id, isOpen) };
}

function fromSnapshot(message: Snapshot): Known {
  return {
    seq: message.seq,
    resume: message.resume,
    serverTime: message.server_time,
    units: message.sites.flatMap((site) => site.units),
    channels: new Map(message.channels.map((each) => [each.channel_id, each])),
    observations: new Map(message.observations.map((each) => [each.unit_id, each])),
    alarms: new Map(message.alarms.map((each) => [each.id, each])),
    devices: new Map(message.devices.map((each) => [each.id, each])),
  };
}

function fromDelta(known: Known, message: Delta): Known | 'gap' {
  const units = new Set(known.units.map((unit) => unit.id));
  const news = [...(message.channels ?? []), ...(message.observations ?? [])];
  // Deltas do not describe units, so a new one is known from a snapshot only.
  if (news.some((each) => !units.has(each.unit_id))) return 'gap';
  const channels = new Map(merged(known.channels, message.channels, (each) => each.channel_id));
  for (const reading of message.readings ?? []) {
    const channel = channels.get(reading.channel_id);
    if (channel === undefined) return 'gap';
    const { value, observed_at, age_s, quality } = reading;
    channels.set(reading.channel_id, {
      ...channel,
      value,
      observed_at,
      age_s,
      quality,
      tests: reading.tests ?? [],
    });
  }
  return {
    seq: message.seq,
    resume: message.resume,
    serverTime: message.server_time,
    units: known.units,
    channels,
    observations: merged(known.observations, message.observations, (each) => each.unit_id),
    alarms: merged(known.alarms, message.alarms, (each) => each.id, isOpen),
    devices: merged(known.devices, message.devices, (each) => each.id),
  };
}

function isOpen(alarm: Alarm): boolean {
  return alarm.active || !alarm.acknowledged;
}

function merged<K, V>(
  old: ReadonlyMap<K, V>,
  entries: readonly V[] | undefined,
  key: (entry: V) => K,
  stays: (entry: V) => boolean = () => true,
): ReadonlyMap<K, V> {
  if (entries === undefined || entries.length === 0) return old;
  const all = new Map(old);
  for (const entry of entries) {
    if (stays(entry)) all.set(key(entry), entry);
    else all.delete(key(entry));
  }
  return all;
}

/** The same as `GET /sites/{site}/latest` answers; ages count to the newest message. */
export function latestOf(known: Known, site: Site): SiteLatest {
  const now = Date.parse(known.serverTime);
  const alarms = [...known.alarms.values()];
  const devices = [...known.devices.values()].sort((a, b) => (a.slug < b.slug ? -1 : 1));
  const channels = new Map<number, Channel[]>(known.units.map((unit) => [unit.id, []]));
  for (const channel of known.channels.values()) channels.get(channel.unit_id)?.push(aged(channel, now));
  return {
    site: {
      ...site,
      units: known.units.length,
      devices: devices.length,
      devices_online: devices.filter((device) => device.state === 'online').length,
      open_alarms: alarms.length,
    },
    server_time: known.serverTime,
    devices,
    units: known.units.map((unit) => {
      const active = alarms.filter((alarm) => alarm.active && alarm.unit?.id === unit.id);
      const counts = { critical: 0, major: 0, minor: 0, warning: 0 };
      for (const alarm of active) counts[alarm.severity] += 1;
      const seen = known.observations.get(unit.id);
      return {
        unit,
        readings: channels.get(unit.id) ?? [],
        observation: seen?.observation ?? null,
        evidence: seen?.evidence ?? null,
        alarms: counts,
        worst_severity: SEVERITIES.find((severity) => counts[severity] > 0) ?? null,
      };
    }),
  };
}

function aged(channel: Channel, now: number): Channel {
  if (channel.observed_at === null) return channel;
  const age = (now - Date.parse(channel.observed_at)) / 1000;
  return { ...channel, age_s: age, stale: age > channel.stale_after_s };
}
