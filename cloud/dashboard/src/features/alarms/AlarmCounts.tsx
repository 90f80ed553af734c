/** How many alarms of each severity are open: shape, number and a spoken label. The shape is hollow when all have cleared. */
import Box from '@mui/material/Box';
import Typography from '@mui/material/Typography';
import type { JSX } from 'react';
import type { Alarm } from '../../api/types';
import { countBySeverity, SEVERITIES, severityText } from './order';
import { SeverityMark } from './SeverityMark';
import { t } from '../../i18n';

export function AlarmCounts({ alarms }: { alarms: readonly Alarm[] }): JSX.Element {
  const counts = countBySeverity(alarms);
  const active = countBySeverity(alarms.filter((alarm) => alarm.active));
  const words = SEVERITIES.map((severity) => `${counts[severity]} ${severityText(severity).toLowerCase()}`);
  return (
    <Box
      role="img"
      aria-label={`${t('alarms.open')}: ${words.join(', ')}`}
      data-testid="alarm-counts"
      sx={{ display: 'flex', alignItems: 'center', gap: { xs: 1, sm: 1.5 } }}
    >
      {SEVERITIES.map((severity) => {
        const quiet = counts[severity] === 0;
        return (
          <Box
            key={severity}
            title={severityText(severity)}
            sx={{
              display: 'flex',
              alignItems: 'center',
              gap: 0.5,
              color: quiet ? 'text.secondary' : 'text.primary',
              '& svg': quiet ? { opacity: 0.5, filter: 'grayscale(1)' } : {},
            }}
          >
            <SeverityMark severity={severity} size="1.125rem" hollow={active[severity] === 0} silent />
            <Typography component="span" sx={{ fontWeight: 650 }}>
              {counts[severity]}
            </Typography>
            <Typography
              component="span"
              variant="body2"
              sx={{ color: 'text.secondary', display: { xs: 'none', lg: 'inline' } }}
            >
              {severityText(severity)}
            </Typography>
          </Box>
        );
      })}
    </Box>
  );
}
