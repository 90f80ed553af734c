/** Put letters back, or discard them: what it does is said first, and discarding needs a reason. */
import Alert from '@mui/material/Alert';
import Button from '@mui/material/Button';
import Dialog from '@mui/material/Dialog';
import DialogActions from '@mui/material/DialogActions';
import DialogContent from '@mui/material/DialogContent';
import DialogTitle from '@mui/material/DialogTitle';
import TextField from '@mui/material/TextField';
import Typography from '@mui/material/Typography';
import { useState, type JSX, type SyntheticEvent } from 'react';
import type { DeadLetterOrder, LetterAction, LetterChoice } from '../../api/types';
import { t } from '../../i18n';
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
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    order.mutate({ action, choice, why: why.trim() }, { onSuccess: onSent });
  };
  return (
    <Dialog open onClose={onClose} fullWidth maxWidth="xs" aria-labelledby="letter-title">
      <form onSubmit={submit}>
        <DialogTitle id="letter-title">{t(`letters.${action}`)}</DialogTitle>
        <DialogContent sx={{ display: 'grid', gap: 2 }}>
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
          {order.error !== null && <Alert severity="error">{order.error.message}</Alert>}
        </DialogContent>
        <DialogActions sx={{ p: 2, pt: 0 }}>
          <Button color="inherit" onClick={onClose}>
            {t('action.cancel')}
          </Button>
          <Button
            type="submit"
            variant="contained"
            disableElevation
            disabled={order.isPending || (needed && why.trim() === '')}
          >
            {t(`letters.${action}`)}
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}
