/** All open alarms of a farm, most urgent first. */
import Box from '@mui/material/Box';
import Typography from '@mui/material/Typography';
import type { JSX } from 'react';
import { CheckIcon } from '../../kit/icons';
import { AlarmCard } from './AlarmCard';
import { inAlarmOrder } from './order';
import type { OpenAlarms } from './queries';

interface Props {
  open: OpenAlarms;
  skewMs: number;
}

export function AlarmRail({ open, skewMs }: Props): JSX.Element {
  const unseen = open.alarms.filter((alarm) => !alarm.acknowledged).length;
  return (
    <Box component="section" aria-label="Open alarms" data-testid="alarm-rail">
      <Box sx={{ display: 'flex', alignItems: 'baseline', gap: 1, mb: 1.5 }}>
        <Typography variant="h2">Open alarms</Typography>
        <Typography variant="body2" color="textSecondary" role="status" sx={{ ml: 'auto' }}>
          {open.alarms.length === 0 ? '' : `${unseen} of ${open.alarms.length} not acknowledged`}
        </Typography>
      </Box>
      <Body open={open} skewMs={skewMs} />
    </Box>
  );
}

function Body({ open, skewMs }: Props): JSX.Element {
  if (!open.known) {
    return (
      <Typography color="textSecondary" role="status">
        {open.error === null ? 'Loading alarms…' : 'The alarms did not load. Trying again…'}
      </Typography>
    );
  }
  if (open.alarms.length === 0) {
    return (
      <Box
        sx={{
          display: 'flex',
          alignItems: 'center',
          gap: 1.5,
          p: 2,
          border: '1px solid',
          borderColor: 'divider',
          borderRadius: '0.625rem',
          color: 'text.secondary',
        }}
      >
        <CheckIcon />
        <Typography variant="body2">No open alarms on this farm</Typography>
      </Box>
    );
  }
  return (
    <Box sx={{ display: 'grid', gap: 1.25 }}>
      {inAlarmOrder(open.alarms).map((alarm) => (
        <AlarmCard key={alarm.id} alarm={alarm} skewMs={skewMs} />
      ))}
    </Box>
  );
}
