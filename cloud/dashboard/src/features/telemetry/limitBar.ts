/**
 * Geometry of a limit bar: where a value lies between the limits that are known. Positions are fractions of the bar,
 * 0 left and 1 right; the bar always leaves room beyond the outermost limit, and a value outside sticks to the end.
 */

export interface Limits {
  readonly criticalLow: number | null;
  readonly warningLow: number | null;
  readonly warningHigh: number | null;
  readonly criticalHigh: number | null;
}

export type Zone = 'critical' | 'warning' | 'normal';

export interface Segment {
  readonly zone: Zone;
  readonly from: number;
  readonly to: number;
}

export interface LimitBar {
  readonly segments: readonly Segment[];
  /** Where the value is, or `null` without a value. */
  readonly marker: number | null;
  readonly zone: Zone | null;
}

/** The bar for a value, or `null` when no limit is known: an invented range would mislead. */
export function limitBar(value: number | null, limits: Limits): LimitBar | null {
  const known = knownLimits(limits);
  const first = known[0];
  const last = known.at(-1);
  if (first === undefined || last === undefined) return null;
  const room = last > first ? (last - first) * 0.35 : Math.max(Math.abs(first) * 0.5, 1);
  const low = first - room;
  const high = last + room;
  const at = (x: number): number => Math.min(1, Math.max(0, (x - low) / (high - low)));

  const segments: Segment[] = [];
  const edges = [low, ...known, high];
  for (let index = 0; index + 1 < edges.length; index += 1) {
    const from = edges[index] ?? low;
    const to = edges[index + 1] ?? high;
    segments.push({ zone: zoneOf((from + to) / 2, limits), from: at(from), to: at(to) });
  }
  return {
    segments,
    marker: value === null ? null : at(value),
    zone: value === null ? null : zoneOf(value, limits),
  };
}

/** The zone of a value; a value on a limit is still inside it, as the alarm rule has it. */
export function zoneOf(value: number, limits: Limits): Zone {
  const below = (limit: number | null): boolean => limit !== null && value < limit;
  const above = (limit: number | null): boolean => limit !== null && value > limit;
  if (below(limits.criticalLow) || above(limits.criticalHigh)) return 'critical';
  if (below(limits.warningLow) || above(limits.warningHigh)) return 'warning';
  return 'normal';
}

/** Limits that open alarms speak of, when the server tells none beside the reading. */
export function limitsFromAlarms(
  alarms: readonly { quantity: string | null; limit: number | null; definition: string; severity: string }[],
  quantity: string,
): Limits {
  const found: Record<keyof Limits, number | null> = {
    criticalLow: null,
    warningLow: null,
    warningHigh: null,
    criticalHigh: null,
  };
  for (const { quantity: about, limit, definition, severity } of alarms) {
    if (about !== quantity || limit === null) continue;
    const side = sideOf(definition);
    if (side === null) continue;
    const grade = severity === 'critical' ? 'critical' : 'warning';
    found[`${grade}${side}`] = limit;
  }
  return found;
}

/** Definitions are named `<quantity>.<low|high>...`. */
export function sideOf(definition: string): 'Low' | 'High' | null {
  const parts = definition.split(/[._-]/);
  if (parts.includes('low')) return 'Low';
  return parts.includes('high') ? 'High' : null;
}

function knownLimits(limits: Limits): number[] {
  const all = [limits.criticalLow, limits.warningLow, limits.warningHigh, limits.criticalHigh];
  return all.filter((limit): limit is number => limit !== null).sort((a, b) => a - b);
}

interface ToldLimit {
  readonly severity: string;
  readonly side: 'low' | 'high';
  readonly value: number;
}

/** The limits of one reading as its box tells them; the strictest of a kind. Older boxes tell none: then open alarms do. */
export function limitsFor(
  reading: { quantity: string; limits: readonly ToldLimit[] },
  alarms: Parameters<typeof limitsFromAlarms>[0],
): Limits {
  if (reading.limits.length === 0) return limitsFromAlarms(alarms, reading.quantity);
  const strictest = (critical: boolean, side: 'low' | 'high'): number | null => {
    const values = reading.limits
      .filter((limit) => limit.side === side && (limit.severity === 'critical') === critical)
      .map((limit) => limit.value);
    if (values.length === 0) return null;
    return side === 'low' ? Math.max(...values) : Math.min(...values);
  };
  return {
    criticalLow: strictest(true, 'low'),
    warningLow: strictest(false, 'low'),
    warningHigh: strictest(false, 'high'),
    criticalHigh: strictest(true, 'high'),
  };
}
