/** What a ladder may be, as the server has it. Pure. */
import type { Channel, Duty, Ladder, Severity, ShownLadders, SiteLadders } from '../../api/types';

export const DUTIES: readonly Duty[] = ['primary', 'backup', 'manager', 'everyone'];
export const CHANNELS: readonly Channel[] = ['push', 'sms', 'voice', 'email', 'webhook'];
export const MAX_SHIFTS = 200;
export const MAX_STEPS = 20;
const MAX_AFTER_S = 7 * 86_400;

export type LadderFault = 'no_step' | 'time' | 'order' | 'no_way' | 'repeat' | 'rounds';

/** Everything about a ladder that would be refused, or would call nobody. */
export function ladderFaults(ladder: Ladder): LadderFault[] {
  const after = ladder.steps.map((step) => step.after_s);
  const found: LadderFault[] = [];
  if (after.length === 0) found.push('no_step');
  if (after.some((seconds) => !(seconds >= 0 && seconds <= MAX_AFTER_S))) found.push('time');
  if (after.some((seconds, index) => seconds < (after[index - 1] ?? 0))) found.push('order');
  if (ladder.steps.some((step) => step.channels.length === 0)) found.push('no_way');
  const repeat = ladder.repeat_s ?? null;
  if (repeat !== null && !(repeat >= 60 && repeat <= 86_400)) found.push('repeat');
  if (!(Number.isInteger(ladder.rounds) && ladder.rounds >= 0 && ladder.rounds <= 1000)) found.push('rounds');
  return found;
}

/** A farm's own ladders with one of them set, or (null) back to the shipped one. All are sent, for the server replaces all. */
export function withLadder(shown: ShownLadders, severity: Severity, ladder: Ladder | null): SiteLadders {
  const own: Partial<Record<Severity, Ladder>> = {};
  for (const each of shown.own) {
    const kept = shown.ladders[each];
    if (kept !== undefined && each !== severity) own[each] = kept;
  }
  return ladder === null ? own : { ...own, [severity]: ladder };
}
