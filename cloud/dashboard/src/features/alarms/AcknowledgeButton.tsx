/** The button by which a person says "I have seen it". Absent for those who may only look. */
import Button from '@mui/material/Button';
import Typography from '@mui/material/Typography';
import type { JSX } from 'react';
import type { Alarm } from '../../api/types';
import { CheckIcon } from '../../kit/icons';
import { useMay } from '../auth/useMay';
import { useAcknowledge } from './queries';
import { t } from '../../i18n';
import { messageOf } from './order';

interface Props {
  alarm: Alarm;
  /** Short, for a line in a tile. */
  compact?: boolean;
}

export function AcknowledgeButton({ alarm, compact = false }: Props): JSX.Element | null {
  const mayAct = useMay('operator');
  const acknowledge = useAcknowledge();
  if (alarm.acknowledged || !mayAct) return null;
  const failed = acknowledge.error;
  // One loud button at a time: what is critical and still there.
  const urgent = !compact && alarm.active && alarm.severity === 'critical';
  return (
    <>
      <Button
        variant={urgent ? 'contained' : 'outlined'}
        color={urgent ? 'primary' : 'inherit'}
        disableElevation
        startIcon={<CheckIcon />}
        disabled={acknowledge.isPending}
        onClick={() => acknowledge.mutate({ alarm })}
        aria-label={`${compact ? t('alarms.ack') : t('alarms.acknowledge')}: ${messageOf(alarm)}`}
        sx={{ borderColor: 'divider', flex: 'none', px: compact ? 1.25 : 2 }}
      >
        {acknowledge.isPending ? t('state.sending') : compact ? t('alarms.ack') : t('alarms.acknowledge')}
      </Button>
      {failed !== null && (
        <Typography role="alert" variant="caption" color="error" component="div">
          {t('alarms.ack_failed', { why: failed.message })}
        </Typography>
      )}
    </>
  );
}
