/** What a unit holds, and what was fed and found dead there today. Pure. */
import type { Holding, Recorded } from '../../api/types';

export interface UnitDay {
  readonly fish: number;
  /** Null where a batch has no weight yet: a sum without it would be too small. */
  readonly biomassKg: number | null;
  readonly fedKg: number;
  readonly dead: number;
}

const NOTHING: UnitDay = { fish: 0, biomassKg: 0, fedKg: 0, dead: 0 };

/** By unit; records that were struck out happened to nobody. */
export function dayOf(
  stock: readonly Holding[],
  fed: readonly Recorded[],
  dead: readonly Recorded[],
): ReadonlyMap<string, UnitDay> {
  const days = new Map<string, UnitDay>();
  const change = (unit: string, part: (old: UnitDay) => Partial<UnitDay>): void => {
    const old = days.get(unit) ?? NOTHING;
    days.set(unit, { ...old, ...part(old) });
  };
  for (const { unit, count, biomass_kg: kg } of stock) {
    change(unit, (old) => ({
      fish: old.fish + count,
      biomassKg: old.biomassKg === null || kg === null ? null : old.biomassKg + kg,
    }));
  }
  for (const { record, struck_at: struck } of [...fed, ...dead]) {
    if (struck) continue;
    if (record.kind === 'feeding') {
      const eaten = record.amount_kg - record.uneaten_kg;
      change(record.unit, (old) => ({ fedKg: old.fedKg + eaten }));
    } else if (record.kind === 'mortality') {
      const { count } = record;
      change(record.unit, (old) => ({ dead: old.dead + count }));
    }
  }
  return days;
}
