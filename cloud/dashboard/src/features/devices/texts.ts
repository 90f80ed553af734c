/** What a box told, as short text. Pure. */
import type { DeviceHealth } from '../../api/types';
import { t } from '../../i18n';
import { shortAgeText } from '../../kit/time';
import { secondsSince } from './fleet';

export function toldText({ observed_at: at }: DeviceHealth, nowMs: number): string {
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
