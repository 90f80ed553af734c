/**
 * One ticking clock for the whole page. Components ask a question of the present moment and render again only when
 * the answer changes, so a thousand ages cost one timer.
 */
import { createContext, useContext, useSyncExternalStore } from 'react';
import { moment, type Moment } from './moment';

export { moment, type Moment };

const TICK_MS = 1000;
const listeners = new Set<() => void>();
let present = moment();
let timer: ReturnType<typeof setInterval> | undefined;

/** False below what nobody can see now: the clock does not tick there until it comes back into sight. */
export const InSight = createContext(true);

/** Answer `question` of the present moment, once a second; the answer must be a primitive. */
export function useNow<T extends string | number | boolean | null>(question: (now: Moment) => T): T {
  return useSyncExternalStore(useContext(InSight) ? subscribe : asleep, () => question(present));
}

/** Wall clock of the server in ms, in steps of ten seconds: often enough where ages of minutes are judged in a long table. */
export function useServerNowMs(skewMs: number): number {
  return useNow((now) => Math.floor((now.wallMs + skewMs) / 10_000) * 10_000);
}

function asleep(): () => void {
  return asleep;
}

function subscribe(listener: () => void): () => void {
  if (listeners.size === 0) {
    timer = setInterval(tick, TICK_MS);
    document.addEventListener('visibilitychange', tick);
  }
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) {
      clearInterval(timer);
      document.removeEventListener('visibilitychange', tick);
    }
  };
}

function tick(): void {
  present = moment();
  for (const listener of listeners) listener();
}
