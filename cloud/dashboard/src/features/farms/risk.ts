/** Which unit a person should look at first. Pure; the same input always gives the same order. */
import type { LatestReading, Severity, UnitLatest } from '../../api/types';

export type Risk = Severity | 'silent' | 'stale' | 'normal';

/** Silent oxygen ranks above minor trouble: nobody knows whether those fish breathe. */
const ORDER: readonly Risk[] = ['critical', 'major', 'silent', 'minor', 'warning', 'stale', 'normal'];

/** The quantities without which a unit is flying blind. */
const LIFE_CRITICAL = new Set(['do', 'do_sat']);

type Facts = Pick<UnitLatest, 'worst_severity' | 'readings'>;

type IsStale = (reading: LatestReading) => boolean;

/** The risk of one unit: its worst open alarm, or what it no longer tells. A tile may judge staleness by the second. */
export function riskOf(unit: Facts, stale: IsStale = (reading) => reading.stale): Risk {
  const { worst_severity: worst, readings } = unit;
  if (worst === 'critical' || worst === 'major') return worst;
  const oxygen = readings.filter((reading) => LIFE_CRITICAL.has(reading.quantity));
  if (readings.every(stale) || (oxygen.length > 0 && oxygen.every(stale))) return 'silent';
  if (worst !== null) return worst;
  return readings.some(stale) ? 'stale' : 'normal';
}

/**
 * Units by risk, then by name. Values take no part within a class, so that tiles do not jump under a finger.
 */
export function byRisk<T extends Facts & { unit: { name: string } }>(units: readonly T[]): T[] {
  return units
    .map((unit) => ({ unit, rank: ORDER.indexOf(riskOf(unit)) }))
    .sort((a, b) => a.rank - b.rank || compareNames(a.unit.unit.name, b.unit.unit.name))
    .map(({ unit }) => unit);
}

/** `Tank 2` before `Tank 10`. */
function compareNames(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}
