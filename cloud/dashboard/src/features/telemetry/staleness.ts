/**
 * When a value may no longer be believed. The server knows each channel's rhythm and says from which age a value is
 * stale; this page keeps counting by itself, so that a silent server cannot leave a fresh-looking number behind.
 */
import type { LatestReading } from '../../api/types';
import type { Moment } from '../../kit/clock';
import { ageText, elapsedSeconds, shortAgeText } from '../../kit/time';
import { t } from '../../i18n';

/** Silence of the server after which the page says that it is not connected. */
export const UNCONFIRMED_AFTER_S = 10;

/** Age of a reading now: its age at the server plus the time since the answer; `null` when there never was one. */
export function readingAge(
  reading: Pick<LatestReading, 'age_s'>,
  receivedAt: Moment,
  now: Moment,
): number | null {
  return reading.age_s === null ? null : Math.max(0, reading.age_s) + elapsedSeconds(receivedAt, now);
}

type Ageing = Pick<LatestReading, 'age_s' | 'stale' | 'stale_after_s'>;

/** Whether a reading must be shown as old. */
export function isStale(reading: Ageing, receivedAt: Moment, now: Moment): boolean {
  const age = readingAge(reading, receivedAt, now);
  return reading.stale || age === null || age > reading.stale_after_s;
}

/** The age of a reading in words; of an old value only the part that still matters, and that it is old. */
export function readingAgeText(reading: Ageing, receivedAt: Moment, now: Moment): string {
  const seconds = readingAge(reading, receivedAt, now);
  if (seconds === null) return t('age.never');
  return isStale(reading, receivedAt, now) ? `${t('age.stale')} ${shortAgeText(seconds)}` : ageText(seconds);
}
