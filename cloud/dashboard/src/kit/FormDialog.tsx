/** A question with fields before something is ordered: what it does is said in it, and what the server refuses. */
import Alert from '@mui/material/Alert';
import Button from '@mui/material/Button';
import Dialog from '@mui/material/Dialog';
import DialogActions from '@mui/material/DialogActions';
import DialogContent from '@mui/material/DialogContent';
import DialogTitle from '@mui/material/DialogTitle';
import { useId, type JSX, type ReactNode, type SyntheticEvent } from 'react';
import { t } from '../i18n';

interface Props {
  title: string;
  /** What stands on the button that does it. */
  action: string;
  disabled: boolean;
  error: Error | null;
  onSubmit: () => void;
  onClose: () => void;
  width?: 'xs' | 'sm' | 'md';
  /** Another way out, apart from the others. */
  also?: ReactNode;
  children: ReactNode;
}

export function FormDialog(props: Props): JSX.Element {
  const { title, action, disabled, error, onSubmit, onClose, width = 'xs', also, children } = props;
  const id = useId();
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    onSubmit();
  };
  return (
    <Dialog open onClose={onClose} fullWidth maxWidth={width} aria-labelledby={id}>
      <form onSubmit={submit}>
        <DialogTitle id={id}>{title}</DialogTitle>
        <DialogContent sx={{ display: 'grid', gap: 2 }}>
          {children}
          {error !== null && <Alert severity="error">{error.message}</Alert>}
        </DialogContent>
        <DialogActions sx={actionsSx}>
          {also}
          <Button color="inherit" onClick={onClose}>
            {t('action.cancel')}
          </Button>
          <Button type="submit" variant="contained" disableElevation disabled={disabled}>
            {action}
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}

/** On a small phone long words stand below one another, whole. */
const actionsSx = {
  p: 2,
  pt: 0,
  flexWrap: 'wrap',
  rowGap: 1,
  '& .MuiButton-root': { flexShrink: 0 },
} as const;
