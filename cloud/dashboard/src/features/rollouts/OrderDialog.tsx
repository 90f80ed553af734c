/** Order a rollout: what it does is said first, a reason is asked for, and what cannot be taken back is confirmed. */
import Checkbox from '@mui/material/Checkbox';
import FormControlLabel from '@mui/material/FormControlLabel';
import TextField from '@mui/material/TextField';
import Typography from '@mui/material/Typography';
import { useState, type JSX } from 'react';
import type { RolloutView } from '../../api/types';
import { t } from '../../i18n';
import { FormDialog } from '../../kit/FormDialog';
import { useOrder } from './queries';
import { isFinal, leastReason, type Wish } from './rules';

interface Props {
  rollout: RolloutView;
  kind: Wish;
  onClose: () => void;
  onSent: () => void;
}

export function OrderDialog({ rollout, kind, onClose, onSent }: Props): JSX.Element {
  const [reason, setReason] = useState('');
  const [sure, setSure] = useState(!isFinal(kind));
  const least = leastReason(kind);
  const order = useOrder();
  return (
    <FormDialog
      title={t(`order.${kind}`)}
      action={t(`order.${kind}`)}
      disabled={!sure || reason.trim().length < least || order.isPending}
      error={order.error}
      onSubmit={() => order.mutate({ id: rollout.id, kind, reason: reason.trim() }, { onSuccess: onSent })}
      onClose={onClose}
    >
      <Typography sx={{ fontWeight: 600 }}>
        {rollout.name}: {rollout.model} {rollout.version}
      </Typography>
      <Typography>{consequence(kind, rollout.back_to)}</Typography>
      <TextField
        label={t('order.reason')}
        required={least > 0}
        autoFocus
        multiline
        minRows={2}
        value={reason}
        onChange={(event) => setReason(event.target.value)}
        slotProps={{ htmlInput: { minLength: least, maxLength: 500 } }}
      />
      {isFinal(kind) && (
        <FormControlLabel
          control={<Checkbox checked={sure} onChange={(_event, checked) => setSure(checked)} />}
          label={t('order.sure')}
        />
      )}
    </FormDialog>
  );
}

function consequence(kind: Wish, backTo: string | null): string {
  if (kind !== 'roll_back') return t(`order.${kind}_text`);
  return backTo === null ? t('order.roll_back_none') : t('order.roll_back_text', { version: backTo });
}
