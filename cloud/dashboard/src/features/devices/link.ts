/** How well this page hears the farm: from the server's silence and from the edge boxes' own state. */
import type { Device } from '../../api/types';
import { UNCONFIRMED_AFTER_S } from '../telemetry/staleness';

export type LinkState = 'live' | 'stale' | 'offline' | 'no_connection' | 'no_device';

export interface Link {
  readonly state: LinkState;
  readonly label: string;
  readonly detail: string;
}

/** A box that says nothing for three heartbeats (30 s each) is not live. */
const QUIET_AFTER_S = 90;

export interface LinkFacts {
  readonly devices: readonly Pick<Device, 'name' | 'state' | 'last_seen_at'>[];
  /** The server's clock now, Unix milliseconds. */
  readonly serverMs: number;
  /** Seconds since the server last answered. */
  readonly silentS: number;
}

/** The link of one farm. */
export function linkOf({ devices, serverMs, silentS }: LinkFacts): Link {
  if (silentS > UNCONFIRMED_AFTER_S) {
    return {
      state: 'no_connection',
      label: 'No connection',
      detail: 'This page does not reach the farm server',
    };
  }
  if (devices.length === 0) {
    return {
      state: 'no_device',
      label: 'No edge box',
      detail: 'No edge box has reported from this farm yet',
    };
  }
  const offline = devices.filter((device) => device.state === 'offline');
  if (offline.length === devices.length) {
    return {
      state: 'offline',
      label: 'Offline',
      detail: `${count(offline.length)} offline; local alarms keep running`,
    };
  }
  if (offline.length > 0) {
    return { state: 'stale', label: 'Partly offline', detail: `${offline.map(named).join(', ')} offline` };
  }
  const quiet = devices.filter((device) => age(device.last_seen_at, serverMs) > QUIET_AFTER_S);
  if (quiet.length > 0) {
    return {
      state: 'stale',
      label: 'Stale',
      detail: `Nothing heard lately from ${quiet.map(named).join(', ')}`,
    };
  }
  return { state: 'live', label: 'Live', detail: `${count(devices.length)} online` };
}

function age(lastSeen: string | null, serverMs: number): number {
  return lastSeen === null ? Infinity : (serverMs - Date.parse(lastSeen)) / 1000;
}

function named(device: { name: string }): string {
  return device.name;
}

function count(boxes: number): string {
  return boxes === 1 ? '1 edge box' : `${boxes} edge boxes`;
}
