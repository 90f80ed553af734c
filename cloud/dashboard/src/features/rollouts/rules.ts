/** What may be ordered of a rollout, and how its devices stand. The server decides; this keeps useless buttons away. */
import type { OrderKind } from '../../api/types';

const ORDERS: Readonly<Record<string, readonly OrderKind[]>> = {
  asked: ['cancel'],
  running: ['pause', 'cancel', 'roll_back'],
  paused: ['resume', 'cancel', 'roll_back'],
  finished: ['roll_back'],
};

export function ordersOf(status: string): readonly OrderKind[] {
  return ORDERS[status] ?? [];
}

/** Orders that cannot be taken back. */
export function isFinal(kind: OrderKind): boolean {
  return kind === 'cancel' || kind === 'roll_back';
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
