/** Make an alarm somebody's work. It calls as before until somebody takes it on: assigning is not acknowledging. */
import MenuItem from '@mui/material/MenuItem';
import TextField from '@mui/material/TextField';
import Typography from '@mui/material/Typography';
import { useState, type JSX } from 'react';
import type { Alarm } from '../../api/types';
import { t } from '../../i18n';
import { FormDialog } from '../../kit/FormDialog';
import { messageOf } from './order';
import { useAssign, useAssignees } from './queries';

export function AssignDialog({ alarm, onClose }: { alarm: Alarm; onClose: () => void }): JSX.Element {
  const people = useAssignees(alarm.id);
  const assign = useAssign();
  const [chosen, setChosen] = useState(alarm.assignee === null ? '' : String(alarm.assignee.id));
  return (
    <FormDialog
      title={t('assign.title')}
      action={t('records.save')}
      disabled={assign.isPending}
      error={people.error ?? assign.error}
      onSubmit={() =>
        assign.mutate({ alarm, userId: chosen === '' ? null : Number(chosen) }, { onSuccess: onClose })
      }
      onClose={onClose}
    >
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
    </FormDialog>
  );
}
