/** All open alarms of a farm, most urgent first. */
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Typography from '@mui/material/Typography';
import type { JSX } from 'react';
import { CheckIcon, SilentIcon, SoundIcon } from '../../kit/icons';
import { AlarmCard } from './AlarmCard';
import { inAlarmOrder } from './order';
import type { OpenAlarms } from './queries';
import { setSoundWanted, useSoundWanted } from './sound';
import { t } from '../../i18n';

interface Props {
  open: OpenAlarms;
  skewMs: number;
}

export function AlarmRail({ open, skewMs }: Props): JSX.Element {
  const unseen = open.alarms.filter((alarm) => !alarm.acknowledged).length;
  return (
    <Box component="section" aria-label={t('alarms.open')} data-testid="alarm-rail">
      <Box sx={{ display: 'flex', alignItems: 'baseline', gap: 1, mb: 1.5 }}>
        <Typography variant="h2">{t('alarms.open')}</Typography>
        <Typography variant="body2" color="textSecondary" role="status" sx={{ ml: 'auto' }}>
          {open.alarms.length === 0 ? '' : t('alarms.unseen', { unseen, all: open.alarms.length })}
        </Typography>
      </Box>
      <Body open={open} skewMs={skewMs} />
      <SoundButton />
    </Box>
  );
}

/** Whether alarms are heard on this computer; browsers need a touch before a page may sound. */
function SoundButton(): JSX.Element {
  const wanted = useSoundWanted();
  return (
    <Button
      color="inherit"
      startIcon={wanted ? <SoundIcon /> : <SilentIcon />}
      aria-pressed={wanted}
      onClick={() => setSoundWanted(!wanted)}
      sx={{ mt: 1, color: 'text.secondary' }}
    >
      {wanted ? t('alarms.sound_on') : t('alarms.sound_off')}
    </Button>
  );
}

function Body({ open, skewMs }: Props): JSX.Element {
  if (!open.known) {
    return (
      <Typography color="textSecondary" role="status">
        {open.error === null ? t('state.loading') : t('alarms.not_loaded')}
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
        <Typography variant="body2">{t('alarms.none')}</Typography>
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
