/** Make an alarm somebody's work. It calls as before until somebody takes it on: assigning is not acknowledging. */
import Typography from '@mui/material/Typography';
import { useState, type JSX } from 'react';
import type { Alarm } from '../../api/types';
import { t } from '../../i18n';
import { FormDialog } from '../../kit/FormDialog';
import { SelectField } from '../../kit/SelectField';
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
      <SelectField
        autoFocus
        label={t('assign.who')}
        value={people.data === undefined ? '' : chosen}
        options={[
          ['', t('assign.nobody')],
          ...(people.data ?? []).map(({ id, name, email }) => [String(id), `${name} · ${email}`] as const),
        ]}
        disabled={people.data === undefined}
        onChange={setChosen}
      />
    </FormDialog>
  );
}
