/** Where an alarm stands on its ladder: who was called, and who is called next if nobody takes it on. Pure. */
import type { Alarm, Ladder } from '../../api/types';

export type Escalation =
  | { readonly state: 'stopped'; readonly why: 'acknowledged' | 'cleared' | 'shelved' | 'suppressed' }
  | { readonly state: 'waiting'; readonly inS: number; readonly step: Ladder['steps'][number] }
  | { readonly state: 'repeating'; readonly everyS: number }
  | { readonly state: 'exhausted' };

type Facts = Pick<Alarm, 'active' | 'acknowledged' | 'raised_at' | 'shelved_until' | 'suppressed_by'>;

/** The state of the ladder at a moment of the server's clock, in Unix milliseconds. */
export function escalationOf(alarm: Facts, ladder: Ladder, nowMs: number): Escalation {
  if (alarm.acknowledged) return { state: 'stopped', why: 'acknowledged' };
  if (!alarm.active) return { state: 'stopped', why: 'cleared' };
  if (isShelved(alarm, nowMs)) return { state: 'stopped', why: 'shelved' };
  if (alarm.suppressed_by !== null) return { state: 'stopped', why: 'suppressed' };
  const sinceS = (nowMs - Date.parse(alarm.raised_at)) / 1000;
  const next = ladder.steps.find((step) => step.after_s > sinceS);
  if (next !== undefined) return { state: 'waiting', inS: next.after_s - sinceS, step: next };
  const last = ladder.steps.at(-1);
  const repeat = ladder.repeat_s ?? null;
  if (last !== undefined && repeat !== null && sinceS < last.after_s + repeat * ladder.rounds) {
    return { state: 'repeating', everyS: repeat };
  }
  return { state: 'exhausted' };
}

export function isShelved(alarm: Pick<Alarm, 'shelved_until'>, nowMs: number): boolean {
  return alarm.shelved_until !== null && Date.parse(alarm.shelved_until) > nowMs;
}

/** The rationale of a definition: exact, or the one whose `*` stands for the missing parts; the most exact wins. */
export function rationaleOf<T extends { definition: string }>(
  rationales: readonly T[],
  definition: string,
): T | undefined {
  const fits = rationales.filter((each) => pattern(each.definition).test(definition));
  return fits.sort((a, b) => stars(a) - stars(b) || b.definition.length - a.definition.length)[0];
}

function pattern(definition: string): RegExp {
  const parts = definition.split('*').map((part) => part.replace(/[.\\+?^$()[\]{}|]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`);
}

function stars(rationale: { definition: string }): number {
  return rationale.definition.split('*').length;
}
