/** What an observation says, in words. */
import type { Observation, UnitModelHealth } from '../../api/types';
import { numberText, t, word } from '../../i18n';

type Counts = Pick<Observation, 'count_mean' | 'count_min' | 'count_max'>;

/** `11.4`, or a dash where nothing was counted. */
export function countText({ count_mean: mean }: Counts): string {
  return mean === null ? '–' : numberText(mean, 1);
}

/** `9–13`, the fewest and the most fish in one frame of the window. */
export function spreadText({ count_min: min, count_max: max }: Counts): string | null {
  if (min === null || max === null) return null;
  return min === max ? String(min) : `${min}–${max}`;
}

/** Length of the window in whole seconds. */
export function windowSeconds({
  started_at,
  observed_at,
}: Pick<Observation, 'started_at' | 'observed_at'>): number {
  return Math.round((Date.parse(observed_at) - Date.parse(started_at)) / 1000);
}

/** The first eight digits of a hash: enough to compare by eye. */
export function shortHash(sha256: string): string {
  return sha256.slice(0, 8);
}

/** When the picture was taken; the window's end when the box does not tell. */
export function imageTime(observation: Pick<Observation, 'image_observed_at' | 'observed_at'>): string {
  return observation.image_observed_at ?? observation.observed_at;
}

/** Why a count is suspect; the test's code where this page does not know it. */
export function viewReason({ quality_test: test }: Pick<Observation, 'quality_test'>): string | null {
  return test === null ? null : word('view', test, test);
}

const PARTS = ['light', 'glare', 'live', 'clarity', 'clean'] as const;

/** `Image quality 82 % (light 97, glare 99, …)`: the worst part decides. */
export function imageQualityText({
  image_quality: quality,
  image_parts: parts,
}: Pick<Observation, 'image_quality' | 'image_parts'>): string | null {
  if (quality === null) return null;
  const whole = t('images.quality', { percent: Math.round(quality * 100) });
  if (parts === null) return whole;
  const each = PARTS.map((name) => `${t(`images.part_${name}`)} ${Math.round(parts[name] * 100)}`);
  return `${whole} (${each.join(', ')})`;
}

export type ModelHealth = 'well' | 'doubtful' | 'silent' | 'dark';

/** What the server found when it last looked at a unit's model, and why in its words. */
export type Verdict = Pick<UnitModelHealth, 'status' | 'reason'>;

/**
 * How far a count can be trusted now. The server looks every few minutes, so its verdict counts only where what is seen
 * now does not contradict it: a fresh count outranks a silence of some minutes ago, an old one a model that did well
 * then. Without a verdict: too old, of a doubtful picture or of dropped frames, or well.
 */
export function modelHealthOf(
  observation: Pick<Observation, 'quality' | 'frames' | 'frames_dropped'>,
  stale: boolean,
  verdict: Verdict | undefined,
): ModelHealth {
  if (stale) return verdict?.status === 'dark' ? 'dark' : 'silent';
  if (verdict?.status === 'ok') return 'well';
  if (verdict?.status === 'degraded') return 'doubtful';
  const dropped = observation.frames_dropped > observation.frames;
  return observation.quality === 1 && !dropped ? 'well' : 'doubtful';
}

/** The health in words, with the server's reason where its verdict is the one that is shown. */
export function modelHealthText(health: ModelHealth, verdict: Verdict | undefined): string {
  const words = t(`model_health.${health}`);
  return verdict !== undefined && OF_STATUS[verdict.status] === health
    ? `${words}. ${verdict.reason}`
    : words;
}

const OF_STATUS: Readonly<Record<Verdict['status'], ModelHealth>> = {
  ok: 'well',
  degraded: 'doubtful',
  stale: 'silent',
  dark: 'dark',
};

/** Told apart by shape: full, half, empty, crossed. */
export const HEALTH_SIGNS: Readonly<Record<ModelHealth, string>> = {
  well: '●',
  doubtful: '◐',
  silent: '○',
  dark: '⊗',
};
