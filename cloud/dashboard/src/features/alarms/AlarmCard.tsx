/** One open alarm: how bad, its two facts, how long, what to do, and where the limit comes from. */
import Box from '@mui/material/Box';
import Typography from '@mui/material/Typography';
import type { JSX } from 'react';
import { Link } from 'react-router';
import type { Alarm } from '../../api/types';
import { useNow } from '../../kit/clock';
import { ageText } from '../../kit/time';
import { measureText } from '../telemetry/units';
import { AcknowledgeButton } from './AcknowledgeButton';
import { SEVERITY_LABEL, tidy } from './order';
import { SeverityMark } from './SeverityMark';

interface Props {
  alarm: Alarm;
  /** Milliseconds by which the server's clock is ahead of this computer's. */
  skewMs: number;
  showUnit?: boolean;
}

export function AlarmCard({ alarm, skewMs, showUnit = true }: Props): JSX.Element {
  const colour = `severity.${alarm.severity}`;
  const loud = alarm.active && !alarm.acknowledged;
  return (
    <Box
      component="article"
      data-testid="alarm-card"
      data-alarm={alarm.id}
      aria-label={`${SEVERITY_LABEL[alarm.severity]} alarm`}
      sx={{
        position: 'relative',
        p: 1.5,
        pl: 2,
        borderRadius: '0.625rem',
        border: '1px solid',
        borderColor: loud ? colour : 'divider',
        bgcolor: 'background.paper',
        overflow: 'hidden',
        '&::before': {
          content: '""',
          position: 'absolute',
          inset: '0 auto 0 0',
          width: loud ? '0.375rem' : '0.1875rem',
          bgcolor: alarm.active ? colour : 'stale',
        },
      }}
    >
      <Box sx={{ display: 'flex', alignItems: 'center', gap: 1 }}>
        <SeverityMark severity={alarm.severity} hollow={!alarm.active} silent />
        <Typography variant="body2" sx={{ fontWeight: 700, color: alarm.active ? colour : 'text.secondary' }}>
          {SEVERITY_LABEL[alarm.severity]}
        </Typography>
        <Typography
          variant="body2"
          color="textSecondary"
          sx={{ ml: 'auto', whiteSpace: 'nowrap' }}
          title="Time since it was raised"
        >
          <Since at={alarm.raised_at} skewMs={skewMs} />
        </Typography>
      </Box>
      {showUnit && alarm.unit !== null && (
        <Typography
          component={Link}
          to={`/units/${alarm.unit.id}`}
          variant="h3"
          sx={{
            display: 'inline-block',
            mt: 0.75,
            color: 'inherit',
            textDecoration: 'none',
            '&:hover': { textDecoration: 'underline' },
          }}
        >
          {alarm.unit.name}
        </Typography>
      )}
      <Typography sx={{ mt: 0.25, fontWeight: loud ? 600 : 400 }}>{tidy(alarm.message)}</Typography>
      <Typography variant="body2" color="textSecondary" data-testid="alarm-state">
        {alarm.active ? (
          'Active'
        ) : alarm.cleared_at === null ? (
          'Cleared'
        ) : (
          <>
            Cleared <Since at={alarm.cleared_at} skewMs={skewMs} /> ago
          </>
        )}
        {' · '}
        {alarm.acknowledged ? `acknowledged by ${alarm.acknowledged_by ?? 'someone'}` : 'not acknowledged'}
      </Typography>
      {alarm.action !== null && alarm.active && (
        <Typography variant="body2" sx={{ mt: 1, p: 1, borderRadius: '0.375rem', bgcolor: 'raised' }}>
          <Box component="span" sx={{ fontWeight: 700 }}>
            Do:{' '}
          </Box>
          {alarm.action}
        </Typography>
      )}
      <Typography variant="caption" color="textSecondary" component="div" sx={{ mt: 0.75 }}>
        {alarm.limit !== null && <>Limit {measureText(alarm.limit, alarm.ucum)}. </>}
        {alarm.source !== null && <>Source: {alarm.source}</>}
      </Typography>
      {!alarm.acknowledged && (
        <Box sx={{ mt: 1, '&:empty': { display: 'none' } }}>
          <AcknowledgeButton alarm={alarm} />
        </Box>
      )}
    </Box>
  );
}

function Since({ at, skewMs }: { at: string; skewMs: number }): JSX.Element {
  const text = useNow((now) => ageText((now.wallMs + skewMs - Date.parse(at)) / 1000));
  return <span>{text}</span>;
}
