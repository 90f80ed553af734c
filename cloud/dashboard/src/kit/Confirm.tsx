/** A question before what cannot simply be taken back. */
import Alert from '@mui/material/Alert';
import Button from '@mui/material/Button';
import Dialog from '@mui/material/Dialog';
import DialogActions from '@mui/material/DialogActions';
import DialogContent from '@mui/material/DialogContent';
import DialogTitle from '@mui/material/DialogTitle';
import Typography from '@mui/material/Typography';
import type { JSX } from 'react';
import { t } from '../i18n';

interface Props {
  title: string;
  text: string;
  /** What stands on the button that does it. */
  action: string;
  pending: boolean;
  error: Error | null;
  onDo: () => void;
  onClose: () => void;
}

export function Confirm({ title, text, action, pending, error, onDo, onClose }: Props): JSX.Element {
  return (
    <Dialog open onClose={onClose} aria-labelledby="confirm-title">
      <DialogTitle id="confirm-title">{title}</DialogTitle>
      <DialogContent>
        <Typography>{text}</Typography>
        {error !== null && (
          <Alert severity="error" sx={{ mt: 1.5 }}>
            {error.message}
          </Alert>
        )}
      </DialogContent>
      <DialogActions sx={{ p: 2, pt: 0 }}>
        <Button color="inherit" autoFocus onClick={onClose}>
          {t('action.cancel')}
        </Button>
        <Button variant="contained" color="error" disableElevation disabled={pending} onClick={onDo}>
          {action}
        </Button>
      </DialogActions>
    </Dialog>
  );
}
