/** The button by which a person says "I have seen it". Absent for those who may only look. */
import Button from '@mui/material/Button';
import Typography from '@mui/material/Typography';
import type { JSX } from 'react';
import type { Alarm } from '../../api/types';
import { CheckIcon } from '../../kit/icons';
import { mayAcknowledge } from '../auth/rules';
import { useSession } from '../auth/session';
import { useAcknowledge } from './queries';

export function AcknowledgeButton({
  alarm,
  compact = false,
}: {
  alarm: Alarm;
  compact?: boolean;
}): JSX.Element | null {
  const session = useSession();
  const acknowledge = useAcknowledge();
  if (alarm.acknowledged || session === null || !mayAcknowledge(session.user.role)) return null;
  const failed = acknowledge.error;
  return (
    <>
      <Button
        variant={compact ? 'outlined' : 'contained'}
        color={compact ? 'inherit' : 'primary'}
        disableElevation
        startIcon={<CheckIcon />}
        disabled={acknowledge.isPending}
        onClick={() => acknowledge.mutate(alarm)}
        aria-label={`Acknowledge: ${alarm.message}`}
        sx={compact ? { px: 1.25, flex: 'none', borderColor: 'divider' } : {}}
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
