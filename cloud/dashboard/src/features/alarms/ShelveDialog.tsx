/** Let an alarm call nobody for a while: a reason is asked for, and it comes back by itself. */
import TextField from '@mui/material/TextField';
import Typography from '@mui/material/Typography';
import { useState, type JSX } from 'react';
import type { Alarm } from '../../api/types';
import { t } from '../../i18n';
import { FormDialog } from '../../kit/FormDialog';
import { Segments } from '../../kit/Segments';
import { shortAgeText } from '../../kit/time';
import { messageOf } from './order';
import { useShelve } from './queries';

/** The server allows a shift of eight hours at most. */
const MINUTES = [15, 60, 240, 480] as const;
const LEAST_REASON = 3;

export function ShelveDialog({ alarm, onClose }: { alarm: Alarm; onClose: () => void }): JSX.Element {
  const [reason, setReason] = useState('');
  const [minutes, setMinutes] = useState<number>(60);
  const shelve = useShelve();
  return (
    <FormDialog
      title={t('shelve.title')}
      action={t('shelve.do')}
      disabled={reason.trim().length < LEAST_REASON || shelve.isPending}
      error={shelve.error}
      onSubmit={() => shelve.mutate({ alarm, reason: reason.trim(), minutes }, { onSuccess: onClose })}
      onClose={onClose}
    >
      <Typography>{messageOf(alarm)}</Typography>
      <Typography variant="body2" color="textSecondary">
        {t('shelve.text')}
      </Typography>
      <Segments
        fullWidth
        label={t('shelve.how_long')}
        value={minutes}
        options={MINUTES.map((each) => [each, shortAgeText(each * 60)])}
        onChange={setMinutes}
      />
      <TextField
        label={t('shelve.reason')}
        required
        autoFocus
        multiline
        minRows={2}
        value={reason}
        onChange={(event) => setReason(event.target.value)}
        slotProps={{ htmlInput: { minLength: LEAST_REASON, maxLength: 500 } }}
      />
    </FormDialog>
  );
}
