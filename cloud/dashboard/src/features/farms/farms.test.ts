import { describe, expect, it } from 'vitest';
import type { LatestReading, Severity } from '../../api/types';
import { byRisk, riskOf } from './risk';
import { unitLine } from './words';

const reading = (quantity: string, stale = false): LatestReading => ({
  channel_id: 1,
  channel: quantity,
  quantity,
  label: quantity,
  value: 1,
  ucum: '1',
  decimals: 1,
  observed_at: '2026-11-21T10:00:00Z',
  age_s: stale ? 300 : 1,
  quality: 1,
  stale,
  stale_after_s: 60,
  derived: false,
  limits: [],
  tests: [],
  calibration: null,
});

const unit = (name: string, worst: Severity | null, readings = [reading('do'), reading('ph')]) => ({
  unit: { name },
  worst_severity: worst,
  readings,
});

describe('risk', () => {
  it('is the worst open alarm', () => {
    expect(riskOf(unit('a', 'critical'))).toBe('critical');
    expect(riskOf(unit('a', null))).toBe('normal');
  });

  it('counts silent oxygen as more than a minor alarm', () => {
    expect(riskOf(unit('a', 'minor', [reading('do', true), reading('ph')]))).toBe('silent');
    expect(riskOf(unit('a', null, []))).toBe('silent');
    expect(riskOf(unit('a', null, [reading('do'), reading('ph', true)]))).toBe('stale');
  });

  it('can be judged with the page’s own count of ages', () => {
    expect(riskOf(unit('a', null), () => true)).toBe('silent');
  });

  it('keeps a critical alarm critical when its probe falls silent', () => {
    expect(riskOf(unit('a', 'critical', [reading('do', true)]))).toBe('critical');
  });

  it('sorts by risk, then by name as people count', () => {
    const sorted = byRisk([
      unit('Tank 10', null),
      unit('Tank 2', null),
      unit('Tank 9', 'warning'),
      unit('Tank 4', null, [reading('do', true)]),
      unit('Tank 8', 'critical'),
    ]);
    expect(sorted.map((item) => item.unit.name)).toEqual(['Tank 8', 'Tank 4', 'Tank 9', 'Tank 2', 'Tank 10']);
  });
});

describe('the line under a name', () => {
  it('says who lives there', () => {
    const tank = { species: 'salmo_salar', stage: 'smolt', kind: 'tank', volume_m3: 120 };
    expect(unitLine(tank)).toBe('Atlantic salmon · smolt · tank, 120 m³');
    expect(unitLine({ ...tank, species: null, stage: 'any', volume_m3: null, kind: 'net_pen' })).toBe(
      'net pen',
    );
  });
});
