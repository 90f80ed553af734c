/** One channel's chart with its title and its own loading and error states. */
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Typography from '@mui/material/Typography';
import { useMutation } from '@tanstack/react-query';
import { useMemo, type JSX } from 'react';
import { download } from '../../api/client';
import type { Alarm, LatestReading } from '../../api/types';
import { ChartPending } from './ChartState';
import { limitsFor } from './limitBar';
import type { Marker } from './markers';
import { CHART_REM } from './Plot';
import { useSeries, type SeriesAnswer, type SeriesAsked, type Zoom } from './queries';
import { SeriesChart } from './SeriesChart';
import { quantityText, unitText } from './units';
import { t } from '../../i18n';

interface Props {
  reading: LatestReading;
  alarms: readonly Alarm[];
  asked: SeriesAsked;
  timezone: string;
  markers: readonly Marker[];
  /** Channel of another unit to compare with. */
  otherChannel: number | null;
  onZoom: (zoom: Zoom) => void;
}

export function ChannelChart({
  reading,
  alarms,
  asked,
  timezone,
  markers,
  otherChannel,
  onZoom,
}: Props): JSX.Element {
  const query = useSeries(reading.channel_id, asked);
  const other = useSeries(otherChannel, asked);
  const told = JSON.stringify(limitsFor(reading, alarms));
  // The chart is built anew when its limits change, so their identity must not change with every poll.
  const limits = useMemo(() => JSON.parse(told) as ReturnType<typeof limitsFor>, [told]);
  const unit = unitText(reading.ucum);
  const doubtful = query.data?.doubtful ?? false;
  return (
    <Box component="section" aria-label={quantityText(reading.quantity, reading.label)}>
      <Box sx={{ display: 'flex', alignItems: 'center', flexWrap: 'wrap', gap: 1, mb: 0.5 }}>
        <Typography variant="h3">{quantityText(reading.quantity, reading.label)}</Typography>
        <Typography variant="caption" color="textSecondary">
          {unit}
          {reading.derived && ` · ${t('charts.derived')}`}
        </Typography>
        {doubtful && (
          <Typography variant="caption" color="textSecondary">
            <Box component="span" aria-hidden="true" sx={{ color: 'severity.minor', fontWeight: 800 }}>
              ○
            </Box>{' '}
            {t('charts.doubtful')}
          </Typography>
        )}
        {query.data?.fault != null && (
          <Typography variant="caption" role="status" sx={{ color: 'stale' }}>
            {query.data.fault} {t('state.retrying')}
          </Typography>
        )}
        {query.data !== undefined && <ExportButtons reading={reading} answer={query.data} />}
      </Box>
      {query.data ? (
        <SeriesChart
          answer={query.data}
          zoom={asked.zoom}
          skewMs={asked.skewMs}
          limits={limits}
          decimals={reading.decimals}
          timezone={timezone}
          label={quantityText(reading.quantity, reading.label)}
          markers={markers}
          other={otherChannel === null ? undefined : other.data}
          onZoom={onZoom}
        />
      ) : (
        <ChartPending error={query.error} height={CHART_REM} />
      )}
    </Box>
  );
}

/** Every reading of what is shown, to compute with elsewhere. */
function ExportButtons({ reading, answer }: { reading: LatestReading; answer: SeriesAnswer }): JSX.Element {
  const keep = useMutation({
    mutationFn: (format: 'csv' | 'parquet') => {
      const query = new URLSearchParams({
        start: new Date(answer.startMs).toISOString(),
        end: new Date(answer.endMs).toISOString(),
      });
      const path = `/api/v1/channels/${reading.channel_id}/series.${format}?${query.toString()}`;
      return download(path, `${reading.channel}.${format}`);
    },
  });
  return (
    <Box sx={{ ml: 'auto', display: 'flex' }}>
      {(['csv', 'parquet'] as const).map((format) => (
        <Button
          key={format}
          color={keep.isError ? 'error' : 'inherit'}
          disabled={keep.isPending}
          title={keep.error?.message ?? t('charts.export')}
          onClick={() => keep.mutate(format)}
          sx={{ color: 'text.secondary', fontWeight: 500, px: 1, minWidth: '2.75rem' }}
        >
          {format === 'csv' ? 'CSV' : 'Parquet'}
        </Button>
      ))}
    </Box>
  );
}
