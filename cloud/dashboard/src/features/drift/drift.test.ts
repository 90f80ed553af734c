import { describe, expect, it } from 'vitest';
import { tracesOf } from './traces';

const hour = (at: string, light: number) => ({ hour: at, observations: 60, signals: { light }, mix: {} });

describe('hours of a version', () => {
  const told = {
    start: '2026-03-01T00:00:00Z',
    end: '2026-03-02T00:00:00Z',
    items: [
      hour('2026-03-01T12:00:00Z', 0.4),
      hour('2026-03-01T00:00:00Z', 0.2),
      hour('2026-03-01T01:00:00Z', 0.3),
    ],
  };

  it('are a line that breaks where the camera was silent', () => {
    const [light] = tracesOf(told);
    expect(light?.strokes.map((stroke) => stroke.length)).toEqual([2, 2]);
    expect(light?.strokes[0]?.[0]).toEqual([0, 0]);
    expect(light?.strokes[1]?.[0]).toEqual([0.5, 1]);
    expect(light).toMatchObject({ least: 0.2, most: 0.4, median: 0.3 });
  });
  it('of nothing are nothing', () => expect(tracesOf({ ...told, items: [] })).toEqual([]));
});
