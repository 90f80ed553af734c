/** What a release may be rolled out over, and how long signatures still count. Pure. */
import type { Release, ReleaseRegistry, RepositoryRole, StagedChange } from '../../api/types';

export type ReleaseState = 'published' | 'proposed' | 'below';

/** A release below the floor was published; no box runs it any more. */
export function stateOf({ state, runnable }: Pick<Release, 'state' | 'runnable'>): ReleaseState {
  return runnable ? state : 'below';
}

/** Published releases of all names that boxes may run, newest first by name. */
export function runnable(registry: Pick<ReleaseRegistry, 'names'>): Release[] {
  return registry.names.flatMap((name) => name.releases.filter((one) => stateOf(one) === 'published'));
}

/** The newest release before this one that boxes may go back to; null where there is none. */
export function wayBack(release: Pick<Release, 'model' | 'release'>, all: readonly Release[]): string | null {
  const earlier = all.filter((one) => one.model === release.model && one.release < release.release);
  return earlier.sort((one, other) => other.release - one.release)[0]?.version ?? null;
}

export type End = 'fine' | 'soon' | 'over';

const HOUR_MS = 3_600_000;
/** People need weeks to meet; the server signs anew every day. */
const SOON_MS = { people: 30 * 24 * HOUR_MS, server: 12 * HOUR_MS } as const;

export function endOf(
  { expires_at, online }: Pick<RepositoryRole, 'expires_at' | 'online'>,
  nowMs: number,
): End {
  const left = Date.parse(expires_at) - nowMs;
  if (left <= 0) return 'over';
  return left < SOON_MS[online ? 'server' : 'people'] ? 'soon' : 'fine';
}

/** Public files of the keys that may still sign; they are called by their owners' names. */
export function keysToSign(change: Pick<StagedChange, 'needs'>): string[] {
  const waiting = change.needs
    .filter((need) => need.missing > 0)
    .flatMap((need) => need.keys.filter((key) => !key.signed).map((key) => key.name));
  return [...new Set(waiting)].sort();
}

/** `fish-detector` of `model-fish-detector`; root and targets stay what they are. */
export function nameOfRole(role: string): string {
  return role.replace(/^model-/, '');
}
