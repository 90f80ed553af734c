/** How boxes are, and whether they run what was wanted: the worst first. Pure. */
import type { DeviceHealth, DeviceStanding, Standing } from '../../api/types';
import { counted, t } from '../../i18n';
import { shortAgeText } from '../../kit/time';

/** A box tells of itself every 30 s. */
const SILENT_AFTER_S = 300;
const STREAM_SILENT_AFTER_S = 600;
const OUTBOX_OLD_S = 3600;
const DISK_LOW_BYTES = 1e9;
/** As the box's own doctor judges heat (`edge/checkup/machine.py`). */
const HOT_C = 80;
const TOO_HOT_C = 95;
/** As the alarm `certificate.ending` has it. */
const CERTIFICATE_SOON_S = 14 * 86_400;

export interface Risk {
  readonly words: string;
  /** What cannot wait weighs more. */
  readonly weight: 1 | 2;
}

/** Seconds since a moment. */
export function secondsSince(moment: string, nowMs: number): number {
  return Math.max(0, (nowMs - Date.parse(moment)) / 1000);
}

/** Whether a box was last heard so long ago that what it told says nothing about now. */
export function isSilent(heardAt: string | null, nowMs: number): boolean {
  return heardAt === null || secondsSince(heardAt, nowMs) > SILENT_AFTER_S;
}

/** What is wrong with a box, in words: what it says itself, and what its numbers say. */
export function risksOf(box: DeviceHealth, nowMs: number): Risk[] {
  const found: Risk[] = [];
  const add = (words: string, weight: 1 | 2): void => void found.push({ words, weight });
  if (box.state === 'offline') add(t('box_risk.offline'), 2);
  if (box.observed_at === null) add(t('box_risk.never'), 1);
  else if (isSilent(box.observed_at, nowMs)) {
    add(t('box_risk.silent', { age: shortAgeText(secondsSince(box.observed_at, nowMs)) }), 2);
  }
  for (const words of box.degraded) add(words, 2);
  if (box.certificate_expires_at !== null) {
    const left = (Date.parse(box.certificate_expires_at) - nowMs) / 1000;
    if (left <= 0) add(t('box_risk.certificate_over'), 2);
    else if (left < CERTIFICATE_SOON_S) add(t('box_risk.certificate_soon'), 1);
  }
  if (box.disk_free_bytes !== null && box.disk_free_bytes < DISK_LOW_BYTES) add(t('box_risk.disk'), 2);
  if (box.clock_trusted === false) add(t('box_risk.clock'), 1);
  const hottest = hottestOf(box);
  if (hottest !== null && hottest >= HOT_C) {
    add(t('box_risk.hot', { celsius: Math.round(hottest) }), hottest >= TOO_HOT_C ? 2 : 1);
  }
  for (const camera of box.cameras) if (camera.fps === 0) add(t('box_risk.camera', { name: camera.name }), 1);
  const [first, ...more] = streamsOf(box).filter(([, age]) => age > STREAM_SILENT_AFTER_S);
  if (first !== undefined) add(t('box_risk.stream', { name: first[0] }), 1);
  if (more.length > 0) add(counted('box_risk.streams', more.length), 1);
  if ((box.outbox_oldest_age_s ?? 0) > OUTBOX_OLD_S) {
    add(t('box_risk.outbox', { age: shortAgeText(box.outbox_oldest_age_s ?? 0) }), 1);
  }
  return found;
}

/** Streams of a box and their ages in seconds when it told of them, those that were silent for longest first. */
export function streamsOf(box: Pick<DeviceHealth, 'channel_age_s'>): [string, number][] {
  return Object.entries(box.channel_age_s).sort(([, one], [, other]) => other - one);
}

export function hottestOf({ temperatures_c: zones }: Pick<DeviceHealth, 'temperatures_c'>): number | null {
  const all = Object.values(zones);
  return all.length === 0 ? null : Math.max(...all);
}

export interface BoxHealth {
  readonly box: DeviceHealth;
  readonly risks: readonly Risk[];
}

/** Boxes with what is wrong, the worst first; ties by name. */
export function byRisk(boxes: readonly DeviceHealth[], nowMs: number): BoxHealth[] {
  const weigh = (risks: readonly Risk[]): number => risks.reduce((sum, risk) => sum + risk.weight, 0);
  return boxes
    .map((box) => ({ box, risks: risksOf(box, nowMs) }))
    .sort(
      (one, other) =>
        weigh(other.risks) - weigh(one.risks) || nameOf(one.box).localeCompare(nameOf(other.box)),
    );
}

export type Verdict = 'differs' | 'not_known' | 'agrees' | 'not_wanted';

const ORDER: readonly Verdict[] = ['differs', 'not_known', 'agrees', 'not_wanted'];

export interface Running {
  readonly device: DeviceStanding;
  readonly standing: Standing;
  readonly verdict: Verdict;
}

/** What differed still does as far as anybody knows; what agreed is not known once its box is silent. */
export function verdictOf(
  { agrees, desired }: Pick<Standing, 'agrees' | 'desired'>,
  heardAt: string | null,
  nowMs: number,
): Verdict {
  if (desired === null) return 'not_wanted';
  if (agrees === false) return 'differs';
  return agrees === null || isSilent(heardAt, nowMs) ? 'not_known' : 'agrees';
}

/** One row for each kind on each box, what differs first; ties by name. */
export function byVerdict(devices: readonly DeviceStanding[], nowMs: number): Running[] {
  return devices
    .flatMap((device) =>
      device.items.map((standing) => ({
        device,
        standing,
        verdict: verdictOf(standing, device.last_seen_at, nowMs),
      })),
    )
    .sort(
      (one, other) =>
        ORDER.indexOf(one.verdict) - ORDER.indexOf(other.verdict) ||
        nameOf(one.device).localeCompare(nameOf(other.device)),
    );
}

export function nameOf({ site, device }: { site: string; device: string }): string {
  return `${site}/${device}`;
}

/** The beginning of a hash, as people compare it. */
export function shortHash(sha256: string | null | undefined): string {
  return sha256 == null ? '–' : sha256.slice(0, 12);
}

/** Names that people typed one after another. */
export function namesOf(text: string): string[] {
  return [...new Set(text.split(/[\s,;]+/).filter((each) => each !== ''))];
}
