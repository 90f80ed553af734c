/** What a box told, as short text. Pure. */
import type { DeviceHealth } from '../../api/types';
import { t } from '../../i18n';
import { shortAgeText } from '../../kit/time';
import { secondsSince, streamsOf } from './fleet';

export function toldText(at: string | null, nowMs: number): string {
  return at === null ? t('age.never') : t('age.ago', { age: shortAgeText(secondsSince(at, nowMs)) });
}

export function certificateText({ certificate_expires_at: at }: DeviceHealth, nowMs: number): string {
  if (at === null) return '–';
  const left = (Date.parse(at) - nowMs) / 1000;
  return left <= 0 ? t('releases.over') : t('releases.left', { age: shortAgeText(left) });
}

export function clockText({ clock_trusted: right }: DeviceHealth): string {
  if (right === null) return '–';
  return right ? t('fleet.clock_right') : t('fleet.clock_wrong');
}

/** The stream that was silent for longest, and for how long by now: its age when the box told of it, and what has passed since. */
export function quietestText(box: DeviceHealth, nowMs: number): string {
  const [quietest] = streamsOf(box);
  if (quietest === undefined || box.observed_at === null) return '–';
  const [channel, age] = quietest;
  return `${channel}: ${shortAgeText(age + secondsSince(box.observed_at, nowMs))}`;
}
