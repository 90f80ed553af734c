/** Put letters back, or discard them: what it does is said first, and discarding needs a reason. */
import TextField from '@mui/material/TextField';
import Typography from '@mui/material/Typography';
import { useState, type JSX } from 'react';
import type { DeadLetterOrder, LetterAction, LetterChoice } from '../../api/types';
import { t } from '../../i18n';
import { FormDialog } from '../../kit/FormDialog';
import { useLetterOrder } from './queries';

export interface Wish {
  readonly action: LetterAction;
  readonly choice: LetterChoice;
  /** What is meant, for people. */
  readonly what: string;
}

interface Props {
  wish: Wish;
  onClose: () => void;
  onSent: (order: DeadLetterOrder) => void;
}

export function LetterDialog({ wish, onClose, onSent }: Props): JSX.Element {
  const [why, setWhy] = useState('');
  const order = useLetterOrder();
  const { action, choice, what } = wish;
  const needed = action === 'discard';
  return (
    <FormDialog
      title={t(`letters.${action}`)}
      action={t(`letters.${action}`)}
      disabled={order.isPending || (needed && why.trim() === '')}
      error={order.error}
      onSubmit={() => order.mutate({ action, choice, why: why.trim() }, { onSuccess: onSent })}
      onClose={onClose}
    >
      <Typography sx={{ fontWeight: 600 }}>{what}</Typography>
      <Typography>{t(`letters.${action}_text`)}</Typography>
      <TextField
        label={t('letters.why')}
        required={needed}
        autoFocus
        value={why}
        onChange={(event) => setWhy(event.target.value)}
        slotProps={{ htmlInput: { maxLength: 500 } }}
      />
    </FormDialog>
  );
}
