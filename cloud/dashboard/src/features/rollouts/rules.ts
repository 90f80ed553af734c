/** What may be ordered of a rollout, and how its devices stand. The server decides; this keeps useless buttons away. */
import type { OrderKind, RolloutPlan, RolloutView } from '../../api/types';

/** What a person may do to a rollout; to approve is no order, but a second person's word. */
export type Wish = OrderKind | 'approve';

const ORDERS: Readonly<Record<string, readonly Wish[]>> = {
  proposed: ['approve', 'cancel'],
  asked: ['cancel'],
  running: ['pause', 'cancel', 'roll_back'],
  paused: ['resume', 'cancel', 'roll_back'],
  finished: ['roll_back'],
};

type Proposed = Pick<RolloutView, 'status' | 'created_by'>;

/** What this person may order; whoever proposed a rollout cannot approve it. */
export function ordersOf(rollout: Proposed, me: string | undefined): readonly Wish[] {
  const all = ORDERS[rollout.status] ?? [];
  return waitsForAnother(rollout, me) ? all.filter((kind) => kind !== 'approve') : all;
}

/** Whether a rollout waits for somebody else than this person. */
export function waitsForAnother({ status, created_by: author }: Proposed, me: string | undefined): boolean {
  return status === 'proposed' && (me === undefined || author === me);
}

/** Orders that cannot be taken back. */
export function isFinal(kind: Wish): boolean {
  return kind === 'cancel' || kind === 'roll_back';
}

/** So many letters of a reason the server asks for; who agrees may do so without a word. */
export function leastReason(kind: Wish): number {
  return kind === 'approve' ? 0 : 3;
}

export type Standing = 'done' | 'moving' | 'waiting' | 'lost';

/** In the order in which a bar shows them. */
export const STANDINGS: readonly Standing[] = ['done', 'moving', 'waiting', 'lost'];

const OF_STEP: Readonly<Record<string, Standing>> = {
  done: 'done',
  under_way: 'moving',
  shadow: 'moving',
  activating: 'moving',
  on_trial: 'moving',
  reverting: 'moving',
  waiting: 'waiting',
};

/** Devices of a wave by how they stand; a step that this page does not know counts as lost rather than as well. */
export function standingsOf(steps: Readonly<Record<string, number>>): Record<Standing, number> {
  const found: Record<Standing, number> = { done: 0, moving: 0, waiting: 0, lost: 0 };
  for (const [step, count] of Object.entries(steps)) found[OF_STEP[step] ?? 'lost'] += count;
  return found;
}

/** Three numbers, as a release is called. */
export function isVersion(text: string): boolean {
  return /^\d+\.\d+\.\d+$/.test(text);
}

/** As names on the wire are formed (`contracts/base.py`). */
export function isSlug(text: string): boolean {
  return /^[a-z0-9][a-z0-9_-]{0,62}$/.test(text);
}

/** Hours and percents as a person types them; empty is "not set". */
export interface PlanDraft {
  readonly shadowH: string;
  readonly waves: readonly { readonly name: string; readonly percent: string; readonly bakeH: string }[];
  readonly gates: readonly { readonly metric: Metric; readonly atLeast: string; readonly atMost: string }[];
}

export type Metric = RolloutPlan['gates'][number]['metric'];

/** The default plan, as `cloud.rollouts.plan` has it; a test compares. */
export const DEFAULT_PLAN = {
  shadowH: '12',
  waves: [
    { name: 'canary', percent: '1', bakeH: '12' },
    { name: 'early', percent: '10', bakeH: '12' },
    { name: 'half', percent: '50', bakeH: '6' },
    { name: 'all', percent: '100', bakeH: '0' },
  ],
  gates: [
    { metric: 'disagreement', atLeast: '', atMost: '0.15' },
    { metric: 'count_ratio', atLeast: '0.8', atMost: '1.25' },
    { metric: 'confidence_drop', atLeast: '', atMost: '0.1' },
    { metric: 'latency_ratio', atLeast: '', atMost: '1.5' },
  ],
} as const satisfies PlanDraft;

export type PlanFault = 'number' | 'share' | 'limit' | 'name';

/** What is wrong with a draft; the server judges the rest, in words. */
export function planFaults(draft: PlanDraft): PlanFault[] {
  const found = new Set<PlanFault>();
  const hours = [draft.shadowH, ...draft.waves.map((wave) => wave.bakeH)].map(number);
  if (hours.some((each) => !(each >= 0))) found.add('number');
  const shares = draft.waves.map((wave) => number(wave.percent));
  const rises = shares.every((share, index) => share > (shares[index - 1] ?? 0) && share <= 100);
  if (shares.length === 0 || !rises) found.add('share');
  if (draft.waves.some((wave) => !isSlug(wave.name))) found.add('name');
  for (const { atLeast, atMost } of draft.gates) {
    const [least, most] = [atLeast, atMost].map((each) => (each === '' ? null : number(each)));
    if (least == null && most == null) found.add('limit');
    if (Number.isNaN(least) || Number.isNaN(most) || (least != null && most != null && least > most))
      found.add('limit');
  }
  return [...found];
}

/** The part of a plan that the draft sets; everything else stays as shipped. */
export function planOf(draft: PlanDraft): Pick<RolloutPlan, 'shadow_s' | 'waves' | 'gates'> {
  const shadow = number(draft.shadowH) * 3600;
  return {
    shadow_s: shadow,
    waves: draft.waves.map(({ name, percent, bakeH }) => ({
      name,
      share: number(percent) / 100,
      bake_s: number(bakeH) * 3600,
    })),
    // Without a shadow run only service can be measured.
    gates: draft.gates.map(({ metric, atLeast, atMost }) => ({
      metric,
      phase: shadow > 0 ? ('shadow' as const) : ('live' as const),
      at_least: atLeast === '' ? null : number(atLeast),
      at_most: atMost === '' ? null : number(atMost),
      window_s: 43_200,
      min_devices: 1,
    })),
  };
}

/** Names on the wire, one after another. */
export function slugsOf(text: string): string[] {
  return text.split(/[\s,;]+/).filter((each) => each !== '');
}

/** Groups and tags as people type them; a rollout or a trial goes to boxes that have one of each. */
export interface Audience {
  readonly groups: string;
  readonly tags: string;
}

export const EVERYBODY: Audience = { groups: '', tags: '' };

/** Whether the server takes these names. */
export function isAudience({ groups, tags }: Audience): boolean {
  return [...slugsOf(groups), ...slugsOf(tags)].every(isSlug);
}

/** As it is asked for; null does not choose. */
export function audienceOf({ groups, tags }: Audience): Record<keyof Audience, string[] | null> {
  const named = (text: string): string[] | null => (text.trim() === '' ? null : slugsOf(text));
  return { groups: named(groups), tags: named(tags) };
}

function number(text: string): number {
  return text.trim() === '' ? NaN : Number(text.trim().replace(',', '.'));
}
