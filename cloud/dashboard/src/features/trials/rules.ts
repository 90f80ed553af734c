/** What may be done about a trial, whether its boxes run what they should, and what may be said of a difference. Pure. */
import type { Trial, TrialBox, TrialDifference, TrialUnit } from '../../api/types';
import { isSilent } from '../devices/fleet';

export type Deed = 'approve' | 'end' | 'adopt';

type Standing = Pick<Trial, 'status' | 'created_by' | 'began_at'>;

/** In the order of their buttons; whoever proposed a trial cannot approve it, and only what has begun can be adopted. */
export function deedsOf(trial: Standing, me: string | undefined): Deed[] {
  const found: Deed[] = [];
  if (trial.status === 'proposed' && me !== undefined && trial.created_by !== me) found.push('approve');
  if (trial.began_at !== null) found.push('adopt');
  if (['proposed', 'asked', 'running'].includes(trial.status)) found.push('end');
  return found;
}

/** So many letters of a reason the server asks for. */
export const LEAST_REASON = 3;

export type Agreement = 'differs' | 'not_known' | 'agrees';

/** The most urgent first. */
export const AGREEMENTS: readonly Agreement[] = ['differs', 'not_known', 'agrees'];

/** As `devices/fleet.ts` judges: what agreed is not known once its box is silent. */
export function agreementOf(
  { agrees, heard_at: heardAt }: Pick<TrialBox, 'agrees' | 'heard_at'>,
  nowMs: number,
): Agreement {
  if (agrees === false) return 'differs';
  return agrees === null || isSilent(heardAt, nowMs) ? 'not_known' : 'agrees';
}

/** Boxes that differ first; otherwise as they came. */
export function byAgreement(boxes: readonly TrialBox[], nowMs: number): TrialBox[] {
  const rank = (box: TrialBox): number => AGREEMENTS.indexOf(agreementOf(box, nowMs));
  return [...boxes].sort((one, other) => rank(one) - rank(other));
}

/** Whether the release should look at a unit now: not any more once its box has given it back. */
export function shouldHaveIt({ in_trial }: TrialUnit, { ended_at }: Pick<TrialBox, 'ended_at'>): boolean {
  return in_trial && ended_at === null;
}

/** Boxes for an interval (`cloud.unit_trials.rules.LEAST_BOXES`), and for a difference that cannot be chance. */
export const LEAST_BOXES = 3;
export const BOXES_THAT_TELL = 6;

export type Enough = 'none' | 'no_interval' | 'no_verdict' | 'enough';

/** How far so many boxes reach. */
export function enough(boxes: number): Enough {
  if (boxes === 0) return 'none';
  if (boxes < LEAST_BOXES) return 'no_interval';
  return boxes < BOXES_THAT_TELL ? 'no_verdict' : 'enough';
}

export type Told = `${TrialDifference['measure']}.${string}` | 'too_few' | 'not_told';

/** The verdict as a name of its words; what was not told is told apart from what could not be. */
export function toldOf({ measure, verdict, boxes }: TrialDifference): Told {
  if (verdict !== 'not_told') return `${measure}.${verdict}`;
  return boxes < BOXES_THAT_TELL ? 'too_few' : 'not_told';
}

/** Days as typed; null where they are none that the server takes. */
export function daysOf(text: string): number | null {
  const days = numberOf(text);
  return days > 0 && days <= 90 ? days : null;
}

/** A share of percents as typed, above 0 and below 1; null where it is none. */
export function shareOf(text: string): number | null {
  const share = numberOf(text) / 100;
  return share > 0 && share < 1 ? share : null;
}

function numberOf(text: string): number {
  return text.trim() === '' ? NaN : Number(text.trim().replace(',', '.'));
}
