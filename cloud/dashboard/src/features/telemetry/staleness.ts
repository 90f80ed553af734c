/**
 * When a value may no longer be believed. The server knows each channel's rhythm and flags what is late; while no
 * answer comes from it, this page must not keep showing the last flag as if it were news.
 */
import type { LatestReading } from '../../api/types';
import { elapsedSeconds } from '../../kit/time';
import type { Moment } from '../../kit/clock';

/** Age after which an unconfirmed value is stale; the server's own floor. */
export const STALE_AFTER_S = 60;
/** Silence of the server after which its flags are no longer taken as current. */
export const UNCONFIRMED_AFTER_S = 10;

/** Age of a reading now: its age at the server plus the time since the answer. */
export function readingAge(reading: Pick<LatestReading, 'age_s'>, receivedAt: Moment, now: Moment): number {
  return Math.max(0, reading.age_s) + elapsedSeconds(receivedAt, now);
}

/** Whether a reading must be shown as old. */
export function isStale(
  reading: Pick<LatestReading, 'age_s' | 'stale'>,
  receivedAt: Moment,
  now: Moment,
): boolean {
  if (reading.stale) return true;
  const unconfirmed = elapsedSeconds(receivedAt, now) > UNCONFIRMED_AFTER_S;
  return unconfirmed && readingAge(reading, receivedAt, now) > STALE_AFTER_S;
}
