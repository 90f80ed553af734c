/** Limits that hold in one unit now, each with where it comes from. */
import Box from '@mui/material/Box';
import Typography from '@mui/material/Typography';
import type { JSX } from 'react';
import type { LatestReading } from '../../api/types';
import { t } from '../../i18n';
import { severityText } from '../alarms/order';
import { SeverityMark } from '../alarms/SeverityMark';
import { LimitSource } from './LimitSource';
import { inReadingOrder, measureText, quantityText } from './units';

export function LimitList({ readings }: { readings: readonly LatestReading[] }): JSX.Element {
  const limited = inReadingOrder(readings).filter((reading) => reading.limits.length > 0);
  if (limited.length === 0) return <Typography color="textSecondary">{t('settings.no_limits')}</Typography>;
  return (
    <Box
      component="dl"
      sx={{
        m: 0,
        display: 'grid',
        gap: 2,
        gridTemplateColumns: 'repeat(auto-fill, minmax(min(18rem, 100%), 1fr))',
      }}
    >
      {limited.map((reading) => (
        <div key={reading.channel_id}>
          <Typography component="dt" sx={{ fontWeight: 650, mb: 0.5 }}>
            {quantityText(reading.quantity, reading.label)}
          </Typography>
          {reading.limits.map((limit) => (
            <Box
              component="dd"
              key={limit.definition}
              sx={{ m: 0, mb: 0.75, display: 'flex', gap: 1, alignItems: 'flex-start' }}
            >
              <SeverityMark severity={limit.severity} silent />
              <Box sx={{ minWidth: 0 }}>
                <Typography variant="body2" sx={{ fontWeight: 600 }}>
                  {severityText(limit.severity)} {limit.side === 'low' ? '<' : '>'}{' '}
                  {measureText(limit.value, reading.ucum)}
                </Typography>
                <Typography variant="caption" color="textSecondary" component="div">
                  <LimitSource source={limit.source} />
                </Typography>
              </Box>
            </Box>
          ))}
        </div>
      ))}
    </Box>
  );
}
