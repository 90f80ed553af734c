/** How charts look: axes, their numbers and clocks, what happened as marks, and the value under the cursor. */
import type { Theme } from '@mui/material/styles';
import uPlot from 'uplot';
import { locale, numberText, t } from '../../i18n';
import { farmDateTime } from '../../kit/time';
import { GLYPHS, type Marker } from './markers';

/** Size of the letters on a canvas, which knows no rem. */
export function remPx(): number {
  return parseFloat(getComputedStyle(document.documentElement).fontSize);
}

export function fontOf(theme: Theme, rem: number): string {
  return `${0.75 * rem}px ${theme.typography.fontFamily ?? 'sans-serif'}`;
}

export function axisLook(theme: Theme, rem: number): uPlot.Axis {
  const { palette } = theme;
  return {
    stroke: palette.text.secondary,
    font: fontOf(theme, rem),
    grid: { stroke: palette.divider, width: 1 },
    ticks: { show: false },
  };
}

export function timeAxis(theme: Theme, rem: number): uPlot.Axis {
  return {
    ...axisLook(theme, rem),
    size: (_chart, labels) => (twoLines(labels) ? 2.8 : 1.7) * rem,
    space: 4.5 * rem,
    values: TIME_LABELS,
  };
}

export function valueAxis(theme: Theme, rem: number, decimals: number): uPlot.Axis {
  return {
    ...axisLook(theme, rem),
    size: 3.3 * rem,
    space: 1.7 * rem,
    incrs: stepsFor(decimals),
    values: (_chart, splits) => splits.map((value) => tickText(value, decimals)),
  };
}

/** 24-hour clock with a date where the day changes. uPlot: [step, format, year, month, day, minute, second, ...]. */
const TIME_LABELS: (string | number | null)[][] = [
  [86_400, '{D} {MMM}', null, null, null, null, null, null, 1],
  [3_600, '{HH}:{mm}', null, null, '\n{D} {MMM}', null, null, null, 1],
  [60, '{HH}:{mm}', null, null, '\n{D} {MMM}', null, null, null, 1],
  [1, '{HH}:{mm}:{ss}', null, null, null, null, null, null, 1],
];

/** Months and days of the week as the reader's language writes them; uPlot knows English. */
export function dateNames(): uPlot.DateNames {
  const names = (
    count: number,
    day: (index: number) => Date,
    options: Intl.DateTimeFormatOptions,
  ): string[] => {
    const format = new Intl.DateTimeFormat(locale(), { ...options, timeZone: 'UTC' });
    return Array.from({ length: count }, (_, index) => format.format(day(index)));
  };
  const ofYear = (index: number): Date => new Date(Date.UTC(2026, index, 1));
  // The 4th of January 2026 is a Sunday.
  const ofWeek = (index: number): Date => new Date(Date.UTC(2026, 0, 4 + index));
  return {
    MMMM: names(12, ofYear, { month: 'long' }),
    MMM: names(12, ofYear, { month: 'short' }),
    WWWW: names(7, ofWeek, { weekday: 'long' }),
    WWW: names(7, ofWeek, { weekday: 'short' }),
  };
}

/** Where a day begins its date stands under the hour. */
function twoLines(labels: readonly string[] | null): boolean {
  return labels?.some((label) => label.includes('\n')) ?? false;
}

/** Room above and below; a calm series is not blown up into a storm. */
export function padded(low: number | null, high: number | null, decimals: number): [number, number] {
  if (low === null || high === null) return [0, 1];
  const least = 20 * 10 ** -decimals;
  const spread = Math.max(high - low, least);
  const middle = (low + high) / 2;
  const floor = middle - spread * 0.62;
  return [low >= 0 ? Math.max(0, floor) : floor, middle + spread * 0.62];
}

/** The same for one of two lines in one chart: each has its own half when it is calm, so that neither hides the other. */
export function halved(
  low: number | null,
  high: number | null,
  decimals: number,
  upper: boolean,
): [number, number] {
  const [floor, top] = padded(low, high, decimals);
  const more = (top - floor) * 0.6;
  return upper ? [floor - more, top] : [floor, top + more];
}

/** Steps of 1, 2 and 5 that the shown digits can tell apart. */
function stepsFor(decimals: number): number[] {
  const smallest = -Math.min(decimals, 2);
  const powers = Array.from({ length: 8 }, (_, index) => 10 ** (smallest + index));
  return powers.flatMap((power) => [power, 2 * power, 5 * power]);
}

function tickText(value: number, decimals: number): string {
  return numberText(value, Math.min(decimals, 2));
}

/** What happened, as a thin line with a sign on top; each kind has its own sign. */
export function drawMarkers(chart: uPlot, markers: readonly Marker[], theme: Theme, rem: number): void {
  const { ctx, bbox } = chart;
  ctx.save();
  ctx.font = `${0.8 * rem * devicePixelRatio}px ${theme.typography.fontFamily ?? 'sans-serif'}`;
  ctx.textAlign = 'center';
  ctx.textBaseline = 'top';
  for (const marker of markers) {
    const x = chart.valToPos(marker.at, 'x', true);
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.fillStyle = ctx.strokeStyle = theme.palette.text.secondary;
    ctx.globalAlpha = 0.5;
    ctx.fillRect(x - 0.5, bbox.top, 1, bbox.height);
    ctx.globalAlpha = 1;
    ctx.fillText(GLYPHS[marker.kind], x, bbox.top);
  }
  ctx.restore();
}

/** Write the values under the cursor into the chart's own corner. */
export function showValues(timezone: string, valuesAt: (index: number) => string): (chart: uPlot) => void {
  return (chart) => {
    const over = chart.over;
    let tip = over.querySelector<HTMLElement>('[data-tip]');
    if (tip === null) {
      tip = document.createElement('div');
      tip.dataset['tip'] = '';
      Object.assign(tip.style, {
        position: 'absolute',
        top: '0.25rem',
        padding: '0.15rem 0.5rem',
        borderRadius: '0.375rem',
        font: 'inherit',
        fontSize: '0.8125rem',
        background: 'rgba(5, 10, 14, 0.82)',
        color: '#f1f5f8',
        pointerEvents: 'none',
        whiteSpace: 'nowrap',
      });
      over.append(tip);
    }
    const index = chart.cursor.idx;
    const at = index === null || index === undefined ? undefined : chart.data[0][index];
    tip.hidden = at === undefined;
    if (at === undefined || index === null || index === undefined) return;
    tip.textContent = `${farmDateTime(at * 1000, timezone)}   ${valuesAt(index)}`;
    const right = (chart.cursor.left ?? 0) < over.clientWidth / 2;
    tip.style.left = right ? 'auto' : '0.25rem';
    tip.style.right = right ? '0.25rem' : 'auto';
  };
}

/** A value of a column as text. */
export function valueAt(
  column: uPlot.AlignedData[number] | undefined,
  index: number,
  decimals: number,
): string {
  const value = column?.[index];
  return value === null || value === undefined ? t('charts.no_reading') : numberText(value, decimals);
}
