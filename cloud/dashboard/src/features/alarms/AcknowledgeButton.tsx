/** The button by which a person says "I have seen it". Absent for those who may only look. */
import Button from '@mui/material/Button';
import Typography from '@mui/material/Typography';
import type { JSX } from 'react';
import type { Alarm } from '../../api/types';
import { CheckIcon } from '../../kit/icons';
import { mayAcknowledge } from '../auth/rules';
import { useSession } from '../auth/session';
import { useAcknowledge } from './queries';

interface Props {
  alarm: Alarm;
  /** Short, for a line in a tile. */
  compact?: boolean;
}

export function AcknowledgeButton({ alarm, compact = false }: Props): JSX.Element | null {
  const session = useSession();
  const acknowledge = useAcknowledge();
  if (alarm.acknowledged || session === null || !mayAcknowledge(session.user.role)) return null;
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
        onClick={() => acknowledge.mutate(alarm)}
        aria-label={`Acknowledge: ${alarm.message}`}
        sx={{ borderColor: 'divider', flex: 'none', px: compact ? 1.25 : 2 }}
      >
        {acknowledge.isPending ? 'Sending…' : compact ? 'Ack' : 'Acknowledge'}
      </Button>
      {failed !== null && (
        <Typography role="alert" variant="caption" color="error" component="div">
          Not acknowledged: {failed.message}
        </Typography>
      )}
    </>
  );
}
