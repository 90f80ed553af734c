/** How well this page hears the farm: from the server's silence and from the edge boxes' own state. */
import type { Device } from '../../api/types';
import { UNCONFIRMED_AFTER_S } from '../telemetry/staleness';
import { counted, t } from '../../i18n';

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
      label: t('link.no_connection'),
      detail: t('link.no_connection_text'),
    };
  }
  if (devices.length === 0) {
    return {
      state: 'no_device',
      label: t('link.no_device'),
      detail: t('link.no_device_text'),
    };
  }
  const offline = devices.filter((device) => device.state === 'offline');
  if (offline.length === devices.length) {
    return {
      state: 'offline',
      label: t('link.offline'),
      detail: t('link.offline_text', { boxes: counted('devices.boxes', offline.length) }),
    };
  }
  if (offline.length > 0) {
    return {
      state: 'stale',
      label: t('link.partly'),
      detail: t('link.partly_text', { names: offline.map(named).join(', ') }),
    };
  }
  const quiet = devices.filter((device) => age(device.last_seen_at, serverMs) > QUIET_AFTER_S);
  if (quiet.length > 0) {
    return {
      state: 'stale',
      label: t('link.stale'),
      detail: t('link.stale_text', { names: quiet.map(named).join(', ') }),
    };
  }
  return {
    state: 'live',
    label: t('link.live'),
    detail: t('link.live_text', { boxes: counted('devices.boxes', devices.length) }),
  };
}

function age(lastSeen: string | null, serverMs: number): number {
  return lastSeen === null ? Infinity : (serverMs - Date.parse(lastSeen)) / 1000;
}

function named(device: { name: string }): string {
  return device.name;
}
