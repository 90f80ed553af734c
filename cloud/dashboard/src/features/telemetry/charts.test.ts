import { describe, expect, it } from 'vitest';
import { csvRows, csvText } from '../../kit/csv';
import type { Columns } from './gaps';
import { joined, MOST_ROWS, type Piece } from './pieces';
import { pyramidOf, rowsOf } from './pyramid';
import { around, bounded, moved, resized, runsOut } from './window';

const HOUR = 3_600_000;

function line(fromS: number, rows: number, value: (row: number) => number | null): Columns {
  const times = Array.from({ length: rows }, (_, row) => fromS + row);
  const mean = times.map((_, row) => value(row));
  return { times, mean, low: [...mean], high: [...mean], doubtful: times.map(() => null) };
}

function piece(fromS: number, rows: number, bucketS = 1): Piece {
  return {
    bucketS,
    fromMs: fromS * 1000,
    toMs: (fromS + rows) * 1000,
    columns: line(fromS, rows, (row) => row),
  };
}

describe('the window of a chart', () => {
  it('is moved, and keeps the moment that it is resized about', () => {
    expect(moved({ startMs: 0, endMs: HOUR }, HOUR)).toEqual({ startMs: HOUR, endMs: 2 * HOUR });
    expect(resized({ startMs: 0, endMs: HOUR }, 0.5, HOUR / 4)).toEqual({
      startMs: HOUR / 8,
      endMs: HOUR / 8 + HOUR / 2,
    });
  });
  it('is never closer than a minute', () => {
    const { startMs, endMs } = resized({ startMs: 0, endMs: 90_000 }, 0.1, 45_000);
    expect(endMs - startMs).toBe(60_000);
  });
  it('does not leave for the future', () => {
    expect(bounded({ startMs: 9 * HOUR, endMs: 19 * HOUR }, 10 * HOUR)).toEqual({
      startMs: HOUR,
      endMs: 11 * HOUR,
    });
  });
  it('asks for as much again on each side, but not for what has not happened', () => {
    expect(around({ startMs: 4 * HOUR, endMs: 5 * HOUR }, 5.5 * HOUR)).toEqual({
      startMs: 3 * HOUR,
      endMs: 5.5 * HOUR,
    });
  });
  it('asks before it comes to the end of what is loaded', () => {
    const loaded = { startMs: 0, endMs: 3 * HOUR };
    expect(runsOut({ startMs: HOUR, endMs: 2 * HOUR }, loaded, 9 * HOUR)).toBe(false);
    expect(runsOut({ startMs: 1.8 * HOUR, endMs: 2.8 * HOUR }, loaded, 9 * HOUR)).toBe(true);
    // Nothing is to be had beyond now.
    expect(runsOut({ startMs: 1.8 * HOUR, endMs: 2.8 * HOUR }, loaded, 3 * HOUR)).toBe(false);
  });
});

describe('pieces of a series', () => {
  it('grow together where they touch', () => {
    const whole = joined(piece(0, 100), piece(80, 100));
    expect(whole.columns.times).toEqual(line(0, 180, () => 0).times);
    expect([whole.fromMs, whole.toMs]).toEqual([0, 180_000]);
    expect(whole.columns.mean[79]).toBe(79);
    expect(whole.columns.mean[80]).toBe(0);
  });
  it('of another fineness, or far away, replace what was', () => {
    expect(joined(piece(0, 100), piece(50, 10, 5)).columns.times).toHaveLength(10);
    expect(joined(piece(0, 100), piece(500, 10)).columns.times).toHaveLength(10);
  });
  it('are bounded, and lose what is furthest from what came', () => {
    const kept = piece(0, MOST_ROWS);
    const late = joined(kept, piece(MOST_ROWS - 10, 500));
    expect(late.columns.times).toHaveLength(MOST_ROWS);
    expect(late.columns.times.at(-1)).toBe(MOST_ROWS + 489);
    expect(late.fromMs).toBe(490_000);
    const early = joined({ ...kept, columns: line(500, MOST_ROWS, () => 1), fromMs: 500_000 }, piece(0, 510));
    expect(early.columns.times[0]).toBe(0);
    expect(early.columns.times).toHaveLength(MOST_ROWS);
    expect(early.toMs).toBe((MOST_ROWS - 1) * 1000);
  });
  it('keep a silence across their seam', () => {
    const first: Piece = { ...piece(0, 10), toMs: 60_000 };
    expect(joined(first, piece(60, 10)).columns.mean[10]).toBeNull();
  });
});

describe('100,000 rows', () => {
  const many = line(0, 100_000, (row) => (row === 54_321 ? 99 : row >= 20_000 && row < 30_000 ? null : 1));
  const pyramid = pyramidOf(many);

  it('are drawn from about as many as there are pixels, and no peak is lost', () => {
    const seen = rowsOf(pyramid, 0, 100_000, 1_000);
    expect(seen.times.length).toBeLessThanOrEqual(1_000);
    expect(Math.max(...seen.high.map((value) => value ?? 0))).toBe(99);
  });
  it('keep their gaps', () => {
    const seen = rowsOf(pyramid, 0, 100_000, 1_000);
    const silent = seen.mean.filter((value) => value === null).length;
    expect(silent / seen.mean.length).toBeCloseTo(0.1, 1);
  });
  it('come as they are where one looks close', () => {
    const seen = rowsOf(pyramid, 54_300, 54_340, 1_000);
    expect(seen.times).toHaveLength(42);
    expect(seen.mean[22]).toBe(99);
  });
});

describe('a CSV file', () => {
  it('reads back as it was written', () => {
    const rows = [
      ['time', 'Tank 1, "left"'],
      ['2026-01-01', '-1.5'],
    ];
    expect(csvRows(csvText(rows))).toEqual(rows);
  });
  it('holds nothing that a spreadsheet computes', () => {
    expect(csvText([['=1+1', '-x', '@a']])).toBe("'=1+1,'-x,'@a\r\n");
  });
});
