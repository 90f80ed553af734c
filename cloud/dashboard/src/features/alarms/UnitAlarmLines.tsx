/** The open alarms of one unit, short, with the acknowledge button. The rail has the rest of the story. */
import Box from '@mui/material/Box';
import Typography from '@mui/material/Typography';
import type { JSX } from 'react';
import type { Alarm } from '../../api/types';
import { AcknowledgeButton } from './AcknowledgeButton';
import { inAlarmOrder, messageOf, severityText, stateText, tidy } from './order';
import { SeverityMark } from './SeverityMark';
import { t } from '../../i18n';

const SHOWN = 2;

export function UnitAlarmLines({ alarms }: { alarms: readonly Alarm[] }): JSX.Element | null {
  if (alarms.length === 0) return null;
  const ordered = inAlarmOrder(alarms);
  const more = ordered.length - SHOWN;
  return (
    <Box
      component="ul"
      aria-label={t('alarms.open')}
      sx={{ listStyle: 'none', m: 0, p: 0, display: 'grid', gap: 1 }}
    >
      {ordered.slice(0, SHOWN).map((alarm) => (
        <Box
          component="li"
          key={alarm.id}
          data-testid="tile-alarm"
          sx={{
            display: 'flex',
            flexWrap: 'wrap',
            alignItems: 'center',
            gap: 1,
            p: 1,
            borderRadius: '0.5rem',
            bgcolor: 'raised',
          }}
        >
          <SeverityMark severity={alarm.severity} hollow={!alarm.active} silent />
          <Box sx={{ flex: '1 1 8rem', minWidth: 0 }}>
            <Typography variant="body2" sx={{ fontWeight: alarm.active && !alarm.acknowledged ? 600 : 400 }}>
              {tidy(messageOf(alarm))}
            </Typography>
            <Typography variant="caption" color="textSecondary">
              {severityText(alarm.severity)} · {stateText(alarm)}
            </Typography>
          </Box>
          <AcknowledgeButton alarm={alarm} compact />
        </Box>
      ))}
      {more > 0 && (
        <Typography component="li" variant="body2" color="textSecondary">
          {t('alarms.more', { n: more })}
        </Typography>
      )}
    </Box>
  );
}
