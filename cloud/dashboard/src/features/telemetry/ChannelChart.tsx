/** One channel's chart with its title and its own loading and error states. */
import Box from '@mui/material/Box';
import Skeleton from '@mui/material/Skeleton';
import Typography from '@mui/material/Typography';
import { useMemo, type JSX } from 'react';
import type { Alarm, LatestReading } from '../../api/types';
import { limitsFor } from './limitBar';
import { useSeries, type Span } from './queries';
import SeriesChart from './SeriesChart';
import { quantityText, unitText } from './units';
import { t } from '../../i18n';

interface Props {
  reading: LatestReading;
  alarms: readonly Alarm[];
  span: Span;
  timezone: string;
  skewMs: number;
}

export function ChannelChart({ reading, alarms, span, timezone, skewMs }: Props): JSX.Element {
  const query = useSeries(reading.channel_id, span, skewMs);
  const told = JSON.stringify(limitsFor(reading, alarms));
  // The chart is built anew when its limits change, so their identity must not change with every poll.
  const limits = useMemo(() => JSON.parse(told) as ReturnType<typeof limitsFor>, [told]);
  const unit = unitText(reading.ucum);
  const doubtful = query.data?.series.points.some((point) => point.good < point.n) ?? false;
  return (
    <Box component="section" aria-label={quantityText(reading.quantity, reading.label)}>
      <Box sx={{ display: 'flex', alignItems: 'baseline', gap: 1, mb: 0.5 }}>
        <Typography variant="h3">{quantityText(reading.quantity, reading.label)}</Typography>
        <Typography variant="caption" color="textSecondary">
          {unit}
          {reading.derived && ` · ${t('charts.derived')}`}
        </Typography>
        {doubtful && (
          <Typography variant="caption" color="textSecondary" sx={{ ml: 'auto' }}>
            <Box component="span" aria-hidden="true" sx={{ color: 'severity.minor', fontWeight: 800 }}>
              ○
            </Box>{' '}
            {t('charts.doubtful')}
          </Typography>
        )}
      </Box>
      {query.data ? (
        <SeriesChart
          answer={query.data}
          limits={limits}
          decimals={reading.decimals}
          timezone={timezone}
          label={quantityText(reading.quantity, reading.label)}
        />
      ) : query.isError ? (
        <Typography
          color="textSecondary"
          role="status"
          sx={{ height: '11.5rem', display: 'grid', placeItems: 'center' }}
        >
          {query.error.message} {t('state.retrying')}
        </Typography>
      ) : (
        <Skeleton variant="rounded" sx={{ height: '11.5rem' }} />
      )}
    </Box>
  );
}
