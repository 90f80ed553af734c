/**
 * One channel over time: mean as a line, least and most as a band, limits as dashed lines, silence as a gap, and a
 * mark wherever readings were not good. uPlot draws on a canvas; this file only feeds it.
 */
import Box from '@mui/material/Box';
import Typography from '@mui/material/Typography';
import { useTheme, type Theme } from '@mui/material/styles';
import { useEffect, useMemo, useRef, type JSX } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { farmDateTime } from '../../kit/time';
import { toColumns } from './gaps';
import { GLYPHS, type Marker } from './markers';
import type { Limits } from './limitBar';
import type { SeriesAnswer, Zoom } from './queries';
import { t } from '../../i18n';

interface Props {
  answer: SeriesAnswer;
  limits: Limits;
  decimals: number;
  timezone: string;
  label: string;
  markers: readonly Marker[];
  /** The same quantity of another unit. */
  other: SeriesAnswer | undefined;
  onZoom: (zoom: Zoom) => void;
}

export default function SeriesChart({
  answer,
  limits,
  decimals,
  timezone,
  label,
  markers,
  other,
  onZoom,
}: Props): JSX.Element {
  const theme = useTheme();
  const holder = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const { series, startMs, endMs } = answer;
  const columns = useMemo(() => toColumns(series.points, series.bucket_s), [series]);
  const data = useMemo(() => dataOf(columns, other), [columns, other]);
  const latest = useRef<Present>({ data, startMs, endMs, markers, onZoom, panned: null });

  useEffect(() => {
    const box = holder.current;
    if (box === null) return undefined;
    const size = (): { width: number; height: number } => ({
      width: box.clientWidth,
      height: box.clientHeight,
    });
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    const options = chartOptions({ theme, limits, decimals, timezone, rem, present: () => latest.current });
    const chart = new uPlot({ ...options, ...size() }, latest.current.data, box);
    plot.current = chart;
    const observer = new ResizeObserver(() => chart.setSize(size()));
    observer.observe(box);
    return () => {
      observer.disconnect();
      chart.destroy();
      plot.current = null;
    };
  }, [theme, limits, decimals, timezone]);

  useEffect(() => {
    latest.current = { data, startMs, endMs, markers, onZoom, panned: null };
    plot.current?.setData(data);
  }, [data, startMs, endMs, markers, onZoom]);

  return (
    <Box sx={{ position: 'relative' }}>
      <Box
        ref={holder}
        role="img"
        aria-label={t('charts.of', { what: label })}
        data-testid="chart"
        sx={{ height: '12.5rem', ...legendSx }}
      />
      {series.points.length === 0 && (
        <Typography
          color="textSecondary"
          sx={{
            position: 'absolute',
            inset: 0,
            display: 'grid',
            placeItems: 'center',
            pointerEvents: 'none',
          }}
        >
          {t('charts.none')}
        </Typography>
      )}
    </Box>
  );
}

const legendSx = {
  '& .u-over': { cursor: 'crosshair' },
  '& .u-select': { background: 'rgba(124, 196, 232, 0.18)' },
};

interface ChartFacts {
  theme: Theme;
  limits: Limits;
  decimals: number;
  timezone: string;
  rem: number;
  present: () => Present;
}

interface Present {
  data: uPlot.AlignedData;
  startMs: number;
  endMs: number;
  markers: readonly Marker[];
  onZoom: (zoom: Zoom) => void;
  /** Where a finger or a shifted pointer has drawn the chart to, until the server has told that time. */
  panned: Zoom | null;
}

function chartOptions({
  theme,
  limits,
  decimals,
  timezone,
  rem,
  present,
}: ChartFacts): Omit<uPlot.Options, 'width' | 'height'> {
  const { palette } = theme;
  const font = `${0.75 * rem}px ${theme.typography.fontFamily ?? 'sans-serif'}`;
  const axis = {
    stroke: palette.text.secondary,
    font,
    grid: { stroke: palette.divider, width: 1 },
    ticks: { show: false },
  };
  const zone = (atS: number): Date => uPlot.tzDate(new Date(atS * 1000), timezone);
  return {
    tzDate: zone,
    legend: { show: false },
    cursor: {
      y: false,
      drag: { x: true, y: false, setScale: false },
      points: { size: 8 },
      sync: { key: 'unit' },
    },
    scales: {
      x: {
        range: () => {
          const { startMs, endMs } = present().panned ?? present();
          return [startMs / 1000, endMs / 1000];
        },
      },
      y: { range: (_chart, low, high) => padded(low, high, decimals) },
    },
    axes: [
      {
        ...axis,
        size: (_chart, labels) => (twoLines(labels) ? 2.8 : 1.7) * rem,
        space: 4.5 * rem,
        values: TIME_LABELS,
      },
      {
        ...axis,
        size: 3.3 * rem,
        space: 1.7 * rem,
        incrs: stepsFor(decimals),
        values: (_chart, splits) => splits.map((value) => tickText(value, decimals)),
      },
    ],
    series: [
      {},
      { label: 'least', stroke: 'transparent', points: { show: false } },
      { label: 'most', stroke: 'transparent', points: { show: false } },
      { label: 'mean', stroke: palette.primary.main, width: 2, points: { show: false } },
      {
        label: 'not good',
        stroke: palette.severity.minor,
        width: 0,
        points: {
          show: true,
          size: 0.5 * rem,
          fill: palette.background.paper,
          stroke: palette.severity.minor,
          width: 2,
        },
        paths: () => null,
      },
      { label: 'other', stroke: palette.text.secondary, width: 1.5, dash: [8, 4], points: { show: false } },
    ],
    bands: [{ series: [2, 1], fill: `${palette.primary.main}33` }],
    hooks: {
      ready: [(chart) => panBy(chart, present)],
      drawClear: [(chart) => shadeLimits(chart, limits, theme)],
      draw: [
        (chart) => drawLimits(chart, limits, theme),
        (chart) => drawMarkers(chart, present().markers, theme, rem),
      ],
      setSelect: [(chart) => zoomTo(chart, present().onZoom)],
      setCursor: [showValues(decimals, timezone)],
    },
  };
}

/** 24-hour clock with a date where the day changes. uPlot: [step, format, year, month, day, minute, second, ...]. */
const TIME_LABELS: (string | number | null)[][] = [
  [86_400, '{D} {MMM}', null, null, null, null, null, null, 1],
  [3_600, '{HH}:{mm}', null, null, '\n{D} {MMM}', null, null, null, 1],
  [60, '{HH}:{mm}', null, null, '\n{D} {MMM}', null, null, null, 1],
  [1, '{HH}:{mm}:{ss}', null, null, null, null, null, null, 1],
];

/** Where a day begins its date stands under the hour. */
function twoLines(labels: readonly string[] | null): boolean {
  return labels?.some((label) => label.includes('\n')) ?? false;
}

/** The series and the one beside it on one time axis; where only one has a moment the other's line goes on. */
function dataOf(columns: ReturnType<typeof toColumns>, other: SeriesAnswer | undefined): uPlot.AlignedData {
  const mine: uPlot.AlignedData = [columns.times, columns.low, columns.high, columns.mean, columns.doubtful];
  const beside = toColumns(other?.series.points ?? [], other?.series.bucket_s ?? 1);
  return uPlot.join([mine, [beside.times, beside.mean]]);
}

/** A part that was drawn over with the pointer, unless it was only a touch. */
function zoomTo(chart: uPlot, onZoom: (zoom: Zoom) => void): void {
  const { left, width } = chart.select;
  if (width < LEAST_ZOOM_PX) return;
  const at = (x: number): number => chart.posToVal(x, 'x') * 1000;
  onZoom({ startMs: at(left), endMs: at(left + width) });
  chart.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
}

const LEAST_ZOOM_PX = 8;

/** Draw the chart along its time: with a finger, or with the pointer while shift is held. What is shown moves at once. */
function panBy(chart: uPlot, present: () => Present): void {
  const { over } = chart;
  // Up and down still scrolls the page.
  over.style.touchAction = 'pan-y';
  let from: { x: number; zoom: Zoom } | null = null;
  const begin = (event: PointerEvent): void => {
    if (!event.shiftKey && event.pointerType !== 'touch') return;
    const { startMs, endMs } = present();
    from = { x: event.clientX, zoom: { startMs, endMs } };
    over.setPointerCapture(event.pointerId);
  };
  const move = (event: PointerEvent): void => {
    if (from === null) return;
    const { startMs, endMs } = from.zoom;
    const byMs = ((from.x - event.clientX) / over.clientWidth) * (endMs - startMs);
    present().panned = { startMs: startMs + byMs, endMs: endMs + byMs };
    chart.setScale('x', { min: startMs + byMs, max: endMs + byMs });
  };
  const end = (): void => {
    const { panned, onZoom } = present();
    if (from !== null && panned !== null) onZoom(panned);
    from = null;
  };
  over.addEventListener('pointerdown', begin);
  over.addEventListener('pointermove', move);
  over.addEventListener('pointerup', end);
  over.addEventListener('pointercancel', end);
  // While it is drawn along, nothing is marked for a closer look.
  over.addEventListener('mousedown', (event) => event.shiftKey && event.stopImmediatePropagation(), true);
}

/** What lies beyond a critical limit is shaded, so that a dip is seen without reading. */
function shadeLimits(chart: uPlot, limits: Limits, { palette }: Theme): void {
  const { ctx, bbox } = chart;
  const bottom = bbox.top + bbox.height;
  const inside = (y: number): number => Math.min(bottom, Math.max(bbox.top, y));
  ctx.save();
  ctx.fillStyle = `${palette.severity.critical}22`;
  if (limits.criticalLow !== null) {
    const y = inside(chart.valToPos(limits.criticalLow, 'y', true));
    ctx.fillRect(bbox.left, y, bbox.width, bottom - y);
  }
  if (limits.criticalHigh !== null) {
    const y = inside(chart.valToPos(limits.criticalHigh, 'y', true));
    ctx.fillRect(bbox.left, bbox.top, bbox.width, y - bbox.top);
  }
  ctx.restore();
}

/** What happened, as a thin line with a sign on top; each kind has its own sign. */
function drawMarkers(chart: uPlot, markers: readonly Marker[], theme: Theme, rem: number): void {
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

/** Room above and below; a calm series is not blown up into a storm. */
function padded(low: number | null, high: number | null, decimals: number): [number, number] {
  if (low === null || high === null) return [0, 1];
  const least = 20 * 10 ** -decimals;
  const spread = Math.max(high - low, least);
  const middle = (low + high) / 2;
  const floor = middle - spread * 0.62;
  return [low >= 0 ? Math.max(0, floor) : floor, middle + spread * 0.62];
}

/** Steps of 1, 2 and 5 that the shown digits can tell apart. */
function stepsFor(decimals: number): number[] {
  const smallest = -Math.min(decimals, 2);
  const powers = Array.from({ length: 8 }, (_, index) => 10 ** (smallest + index));
  return powers.flatMap((power) => [power, 2 * power, 5 * power]);
}

function tickText(value: number, decimals: number): string {
  return value.toFixed(Math.min(decimals, 2));
}

function drawLimits(chart: uPlot, limits: Limits, { palette }: Theme): void {
  const lines: [number | null, string][] = [
    [limits.criticalLow, palette.severity.critical],
    [limits.criticalHigh, palette.severity.critical],
    [limits.warningLow, palette.severity.warning],
    [limits.warningHigh, palette.severity.warning],
  ];
  const { ctx, bbox } = chart;
  ctx.save();
  ctx.setLineDash([6, 5]);
  ctx.lineWidth = 1.5;
  for (const [limit, colour] of lines) {
    if (limit === null) continue;
    const y = chart.valToPos(limit, 'y', true);
    if (y < bbox.top || y > bbox.top + bbox.height) continue;
    ctx.strokeStyle = colour;
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
  }
  ctx.restore();
}

/** Write the value under the cursor into the chart's own corner. */
function showValues(decimals: number, timezone: string): (chart: uPlot) => void {
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
    const value = index === null || index === undefined ? undefined : chart.data[3]?.[index];
    tip.hidden = at === undefined;
    if (at === undefined) return;
    const clock = farmDateTime(at * 1000, timezone);
    tip.textContent = `${clock}   ${value === null || value === undefined ? t('charts.no_reading') : value.toFixed(decimals)}`;
    const right = (chart.cursor.left ?? 0) < over.clientWidth / 2;
    tip.style.left = right ? 'auto' : '0.25rem';
    tip.style.right = right ? '0.25rem' : 'auto';
  };
}
