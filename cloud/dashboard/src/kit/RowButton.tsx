/** What can be done with a row of a table; whoever does not see the row hears what it is done with. */
import Button from '@mui/material/Button';
import type { JSX } from 'react';

interface Props {
  action: string;
  /** The name of the row. */
  of: string;
  disabled?: boolean;
  onClick: () => void;
}

export function RowButton({ action, of, disabled = false, onClick }: Props): JSX.Element {
  return (
    <Button color="inherit" aria-label={`${action} ${of}`} disabled={disabled} onClick={onClick}>
      {action}
    </Button>
  );
}
