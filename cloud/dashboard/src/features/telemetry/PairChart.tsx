/** Two lines over one time: the first full and read on the left, the second dashed and read on the right. */
import { useTheme } from '@mui/material/styles';
import { useCallback, useMemo, type JSX } from 'react';
import uPlot from 'uplot';
import { t } from '../../i18n';
import { halved, showValues, timeAxis, valueAt, valueAxis } from './look';
import { titleOf, type Line } from './pairs';
import { Plot, type PlotOptions } from './Plot';
import { pyramidOf, rowsOf } from './pyramid';
import type { Zoom } from './queries';

/** uPlot's own number for it; its enumeration is not there when the program runs. */
// eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- a const enum of a declaration file has no value to name
const RIGHT: uPlot.Axis.Side = 1;

/** Two axes with names need more room than one. */
export const PAIR_REM = 18;

interface Props {
  lines: readonly [Line, Line];
  zoom: Zoom | null;
  skewMs: number;
  timezone: string;
  onZoom: (zoom: Zoom) => void;
}

export function PairChart({ lines, zoom, skewMs, timezone, onZoom }: Props): JSX.Element {
  const theme = useTheme();
  const [first, second] = lines;
  const { startMs, endMs, loaded } = first.answer;
  const view = useMemo(() => zoom ?? { startMs, endMs }, [zoom, startMs, endMs]);
  const one = useMemo(() => pyramidOf(first.answer.columns), [first.answer.columns]);
  const other = useMemo(() => pyramidOf(second.answer.columns), [second.answer.columns]);
  const rows = useCallback(
    (window: Zoom, atMost: number): uPlot.AlignedData => {
      const [left, right] = [one, other].map((each) =>
        rowsOf(each, window.startMs / 1000, window.endMs / 1000, atMost),
      );
      return uPlot.join([
        [left?.times ?? [], left?.mean ?? []],
        [right?.times ?? [], right?.mean ?? []],
      ]);
    },
    [one, other],
  );
  const decimals = lines.map(({ reading }) => reading.decimals);
  const titles = lines.map(titleOf);
  const lookOf = (rem: number): PlotOptions => {
    const { palette } = theme;
    const [mine = 2, theirs = 2] = decimals;
    const labelled = { labelSize: 1.4 * rem, labelFont: `600 ${0.75 * rem}px sans-serif` };
    return {
      scales: {
        one: { range: (_chart, low, high) => halved(low, high, mine, true) },
        other: { range: (_chart, low, high) => halved(low, high, theirs, false) },
      },
      axes: [
        timeAxis(theme, rem),
        {
          ...valueAxis(theme, rem, mine),
          scale: 'one',
          stroke: palette.primary.main,
          label: titles[0] ?? '',
          ...labelled,
        },
        {
          ...valueAxis(theme, rem, theirs),
          scale: 'other',
          side: RIGHT,
          grid: { show: false },
          label: titles[1] ?? '',
          ...labelled,
        },
      ],
      series: [
        {},
        { scale: 'one', stroke: palette.primary.main, width: 2, points: { show: false } },
        {
          scale: 'other',
          stroke: palette.text.secondary,
          width: 2,
          dash: [8, 4],
          points: { show: false },
        },
      ],
      hooks: {
        setCursor: [
          (chart) =>
            showValues(
              timezone,
              (index) => `${valueAt(chart.data[1], index, mine)} · ${valueAt(chart.data[2], index, theirs)}`,
            )(chart),
        ],
      },
    };
  };
  return (
    <Plot
      label={t('charts.of', { what: titles.join(', ') })}
      testId="pair-chart"
      height={PAIR_REM}
      timezone={timezone}
      view={view}
      loaded={loaded}
      skewMs={skewMs}
      lookOf={lookOf}
      lookKey={[theme, ...decimals, ...titles]}
      rows={rows}
      onZoom={onZoom}
    />
  );
}
