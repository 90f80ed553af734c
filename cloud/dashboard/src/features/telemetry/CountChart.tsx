/** Two lines of fish over one time: full as they were counted, dashed as the newest model would have counted them. */
import { useTheme } from '@mui/material/styles';
import { useCallback, useMemo, type JSX } from 'react';
import type uPlot from 'uplot';
import type { CountSeries } from '../../api/types';
import { t } from '../../i18n';
import { countColumns } from './counts';
import { padded, showValues, timeAxis, valueAt, valueAxis } from './look';
import type { Marker } from './markers';
import { Plot, type PlotOptions } from './Plot';
import type { Zoom } from './queries';

interface Props {
  series: CountSeries;
  view: Zoom;
  loaded: Zoom;
  /** Whether the second line says anything that the first does not. */
  both: boolean;
  skewMs: number;
  timezone: string;
  markers: readonly Marker[];
  onZoom: (zoom: Zoom) => void;
}

const DECIMALS = 1;

export function CountChart(props: Props): JSX.Element {
  const { series, view, loaded, both, skewMs, timezone, markers, onZoom } = props;
  const theme = useTheme();
  const columns = useMemo(() => countColumns(series), [series]);
  const rows = useCallback((): uPlot.AlignedData => {
    const { times, counted, castBack } = columns;
    return [times, both ? castBack : times.map(() => null), counted];
  }, [columns, both]);
  const lookOf = (rem: number): PlotOptions => {
    const { palette } = theme;
    return {
      scales: { y: { range: (_chart, low, high) => padded(low, high, DECIMALS) } },
      axes: [timeAxis(theme, rem), valueAxis(theme, rem, DECIMALS)],
      series: [
        {},
        // Below, so that it shows only where it differs.
        { stroke: palette.text.secondary, width: 2, dash: [8, 4], points: { show: false } },
        { stroke: palette.primary.main, width: 2 },
      ],
      hooks: {
        setCursor: [(chart) => showValues(timezone, (index) => valuesAt(chart, index, both))(chart)],
      },
    };
  };
  return (
    <Plot
      label={t('charts.of', { what: t('counts.title') })}
      testId="count-chart"
      timezone={timezone}
      view={view}
      loaded={loaded}
      skewMs={skewMs}
      lookOf={lookOf}
      lookKey={[theme, both]}
      rows={rows}
      markers={markers}
      onZoom={onZoom}
    />
  );
}

function valuesAt(chart: uPlot, index: number, both: boolean): string {
  const [, castBack, counted] = chart.data;
  const told = valueAt(counted, index, DECIMALS);
  if (!both || castBack?.[index] == null) return told;
  return `${told} · ${t('counts.cast_back')} ${valueAt(castBack, index, DECIMALS)}`;
}
