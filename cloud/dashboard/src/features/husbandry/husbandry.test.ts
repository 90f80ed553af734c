import { describe, expect, it, vi } from 'vitest';
import type { Holding, Recorded } from '../../api/types';
import { dayOf } from './today';

vi.stubGlobal('window', { location: { origin: 'http://farm.example' } });
const { ApiError } = await import('../../api/client');
const { blank, csvTemplate, faults, recordOf } = await import('./forms');
const { outcomeOf } = await import('./outbox');
const { placeOf, recordLine } = await import('./words');

const AT = '2026-11-21T08:00:00.000Z';

describe('a record that waits', () => {
  it('leaves the box only when the server has it', () => expect(outcomeOf(null)).toBe('recorded'));
  it.each([null, 500, 503, 401, 429])('waits on when the server is away or busy (%s)', (status) =>
    expect(outcomeOf(new ApiError('server', 'x', status))).toBe('later'),
  );
  it.each([400, 403, 404, 409, 422])('stays with its reason when it is refused (%s)', (status) =>
    expect(outcomeOf(new ApiError('refused', 'x', status))).toBe('refused'),
  );
});

describe('the form of dead fish', () => {
  const answers = {
    ...blank('mortality'),
    unit: 'tank-1',
    batch: 'S-26',
    cause: 'environment',
    detail: 'oxygen',
  };
  it('asks for what is missing', () => {
    expect(faults('mortality', blank('mortality'))).toEqual(['unit', 'batch', 'cause']);
    expect(faults('mortality', { ...answers, count: '2.5' })).toEqual(['count']);
    expect(faults('mortality', answers)).toEqual([]);
  });
  it('makes the record that the API takes', () =>
    expect(recordOf('mortality', { ...answers, count: '3' }, 'id-1', AT)).toEqual({
      id: 'id-1',
      kind: 'mortality',
      occurred_at: AT,
      unit: 'tank-1',
      batch: 'S-26',
      count: 3,
      cause: 'environment',
      detail: 'oxygen',
    }));
});

it('takes a decimal comma and leaves out what was left empty', () => {
  const answers = { ...blank('feeding'), unit: 'tank-1', product: 'Grow 3', lot: 'L-1', amount_kg: '12,5' };
  expect(faults('feeding', answers)).toEqual([]);
  expect(recordOf('feeding', answers, 'id-2', AT)).toMatchObject({ amount_kg: 12.5 });
  expect(recordOf('feeding', answers, 'id-2', AT)).not.toHaveProperty('uneaten_kg');
});

it('counts fish by score and needs at least one', () => {
  const answers = { ...blank('welfare_sample'), unit: 'tank-1', indicator: 'wounds' };
  expect(faults('welfare_sample', answers)).toEqual(['scores']);
  const record = recordOf('welfare_sample', { ...answers, score_0: '18', score_2: '2' }, 'id-3', AT);
  expect(record).toMatchObject({ scores: { '0': 18, '2': 2 } });
});

it('names the columns of a file', () =>
  expect(csvTemplate('mortality')).toBe('occurred_at,unit,batch,count,cause,detail,note\n'));

describe('the day of a unit', () => {
  const holding = (count: number, kg: number | null): Holding =>
    ({ unit: 'tank-1', count, biomass_kg: kg }) as Holding;
  const record = (fields: object, struck: string | null = null): Recorded =>
    ({ record: { unit: 'tank-1', ...fields }, struck_at: struck }) as Recorded;

  it('adds batches, what was eaten, and the dead', () => {
    const fed = [
      record({ kind: 'feeding', amount_kg: 40, uneaten_kg: 2 }),
      record({ kind: 'feeding', amount_kg: 9, uneaten_kg: 0 }),
    ];
    const dead = [
      record({ kind: 'mortality', count: 3 }),
      record({ kind: 'mortality', count: 90 }, '2026-11-21T08:00:00Z'),
    ];
    expect(dayOf([holding(100, 12), holding(50, 8)], fed, dead).get('tank-1')).toEqual({
      fish: 150,
      biomassKg: 20,
      fedKg: 47,
      dead: 3,
    });
  });
  it('tells no biomass where a batch has no weight', () =>
    expect(dayOf([holding(100, 12), holding(50, null)], [], []).get('tank-1')?.biomassKg).toBeNull());
});

describe('a line of the diary', () => {
  const units = [
    { slug: 'tank-1', name: 'Tank 1' },
    { slug: 'tank-2', name: 'Tank 2' },
  ];
  const of = (answers: Record<string, string>, kind: 'feeding' | 'transfer') =>
    recordOf(kind, { ...blank(kind), unit: 'tank-1', ...answers }, 'id-4', AT);
  it('tells every number with its unit', () => {
    const fed = of({ product: 'Grow 3', lot: 'L-1', amount_kg: '46', uneaten_kg: '1' }, 'feeding');
    expect(recordLine({ ...fed, note: '' }, 'UTC')).toMatch(/46\u00a0kg.*1\u00a0kg$/);
  });
  it('names units as the farm does, from and to', () => {
    const moved = of({ batch: 'S-26', to_unit: 'tank-2', count: '10' }, 'transfer');
    expect(placeOf(moved, units)).toBe('Tank 1 → Tank 2');
    expect(placeOf(moved, [])).toBe('tank-1 → tank-2');
  });
});
