/** Make an alarm somebody's work. It calls as before until somebody takes it on: assigning is not acknowledging. */
import Alert from '@mui/material/Alert';
import Button from '@mui/material/Button';
import Dialog from '@mui/material/Dialog';
import DialogActions from '@mui/material/DialogActions';
import DialogContent from '@mui/material/DialogContent';
import DialogTitle from '@mui/material/DialogTitle';
import MenuItem from '@mui/material/MenuItem';
import TextField from '@mui/material/TextField';
import Typography from '@mui/material/Typography';
import { useState, type JSX } from 'react';
import type { Alarm } from '../../api/types';
import { t } from '../../i18n';
import { messageOf } from './order';
import { useAssign, useAssignees } from './queries';

export function AssignDialog({ alarm, onClose }: { alarm: Alarm; onClose: () => void }): JSX.Element {
  const people = useAssignees(alarm.id);
  const assign = useAssign();
  const [chosen, setChosen] = useState(alarm.assignee === null ? '' : String(alarm.assignee.id));
  const error = people.error ?? assign.error;
  return (
    <Dialog open onClose={onClose} fullWidth maxWidth="xs" aria-labelledby="assign-title">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          assign.mutate({ alarm, userId: chosen === '' ? null : Number(chosen) }, { onSuccess: onClose });
        }}
      >
        <DialogTitle id="assign-title">{t('assign.title')}</DialogTitle>
        <DialogContent sx={{ display: 'grid', gap: 2 }}>
          <Typography sx={{ fontWeight: 600 }}>{messageOf(alarm)}</Typography>
          <Typography variant="body2" color="textSecondary">
            {t('assign.text')}
          </Typography>
          <TextField
            select
            autoFocus
            label={t('assign.who')}
            value={people.data === undefined ? '' : chosen}
            disabled={people.data === undefined}
            onChange={(event) => setChosen(event.target.value)}
            slotProps={{ select: { displayEmpty: true }, inputLabel: { shrink: true } }}
          >
            <MenuItem value="">{t('assign.nobody')}</MenuItem>
            {(people.data ?? []).map((person) => (
              <MenuItem key={person.id} value={String(person.id)}>
                {person.name} · {person.email}
              </MenuItem>
            ))}
          </TextField>
          {error !== null && <Alert severity="error">{error.message}</Alert>}
        </DialogContent>
        <DialogActions sx={{ p: 2, pt: 0 }}>
          <Button color="inherit" onClick={onClose}>
            {t('action.cancel')}
          </Button>
          <Button type="submit" variant="contained" disableElevation disabled={assign.isPending}>
            {t('records.save')}
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}
