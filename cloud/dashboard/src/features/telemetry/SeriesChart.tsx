/**
 * One channel over time: mean as a line, least and most as a band, limits as dashed lines, silence as a gap, and a
 * mark wherever readings were not good.
 */
import { useTheme, type Theme } from '@mui/material/styles';
import { useCallback, useMemo, type JSX } from 'react';
import uPlot from 'uplot';
import { t } from '../../i18n';
import { ChartWithWords } from './ChartState';
import type { Limits } from './limitBar';
import { padded, showValues, timeAxis, valueAt, valueAxis } from './look';
import type { Marker } from './markers';
import { Plot, type PlotOptions } from './Plot';
import { pyramidOf, rowsOf } from './pyramid';
import type { SeriesAnswer, Zoom } from './queries';

interface Props {
  answer: SeriesAnswer;
  /** Instead of what the answer was asked for. */
  zoom: Zoom | null;
  skewMs: number;
  limits: Limits;
  decimals: number;
  timezone: string;
  label: string;
  markers: readonly Marker[];
  /** The same quantity of another unit. */
  other: SeriesAnswer | undefined;
  onZoom: (zoom: Zoom) => void;
}

export function SeriesChart(props: Props): JSX.Element {
  const { answer, zoom, skewMs, limits, decimals, timezone, label, markers, other, onZoom } = props;
  const theme = useTheme();
  const { columns, startMs, endMs, loaded } = answer;
  const view = useMemo(() => zoom ?? { startMs, endMs }, [zoom, startMs, endMs]);
  const mine = useMemo(() => pyramidOf(columns), [columns]);
  const beside = useMemo(() => (other === undefined ? undefined : pyramidOf(other.columns)), [other]);
  const rows = useCallback(
    (window: Zoom, atMost: number): uPlot.AlignedData => {
      const [from, to] = [window.startMs / 1000, window.endMs / 1000];
      const { times, low, high, mean, doubtful } = rowsOf(mine, from, to, atMost);
      if (beside === undefined) return [times, low, high, mean, doubtful, EMPTY.slice(0, times.length)];
      const also = rowsOf(beside, from, to, atMost);
      // Where only one has a moment the other's line goes on.
      return uPlot.join([
        [times, low, high, mean, doubtful],
        [also.times, also.mean],
      ]);
    },
    [mine, beside],
  );
  const lookOf = (rem: number): PlotOptions => {
    const { palette } = theme;
    return {
      scales: { y: { range: (_chart, low, high) => padded(low, high, decimals) } },
      axes: [timeAxis(theme, rem), valueAxis(theme, rem, decimals)],
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
        {
          label: 'other',
          stroke: palette.text.secondary,
          width: 1.5,
          dash: [8, 4],
          points: { show: false },
        },
      ],
      bands: [{ series: [2, 1], fill: `${palette.primary.main}33` }],
      hooks: {
        drawClear: [(chart) => shadeLimits(chart, limits, theme)],
        draw: [(chart) => drawLimits(chart, limits, theme)],
        setCursor: [
          (chart) => showValues(timezone, (index) => valueAt(chart.data[3], index, decimals))(chart),
        ],
      },
    };
  };
  return (
    <ChartWithWords words={columns.times.length === 0 ? t('charts.none') : null}>
      <Plot
        label={t('charts.of', { what: label })}
        testId="chart"
        timezone={timezone}
        view={view}
        loaded={loaded}
        skewMs={skewMs}
        lookOf={lookOf}
        lookKey={[theme, limits, decimals]}
        rows={rows}
        markers={markers}
        onZoom={onZoom}
      />
    </ChartWithWords>
  );
}

/** Nothing beside the series, as long as the longest that is drawn. */
const EMPTY: null[] = new Array<null>(20_000).fill(null);

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
