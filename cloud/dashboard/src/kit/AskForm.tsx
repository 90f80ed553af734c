/** Fields side by side as far as there is room, and the button that sends them. */
import Alert from '@mui/material/Alert';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import type { JSX, ReactNode, SyntheticEvent } from 'react';

interface Props {
  action: string;
  disabled: boolean;
  /** Why the server refused what was sent last. */
  error?: Error | null;
  onSubmit: () => void;
  children: ReactNode;
}

export function AskForm({ action, disabled, error = null, onSubmit, children }: Props): JSX.Element {
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    onSubmit();
  };
  return (
    <Box
      component="form"
      onSubmit={submit}
      aria-label={action}
      sx={{
        mt: 2,
        display: 'grid',
        gap: 1.5,
        alignItems: 'start',
        gridTemplateColumns: 'repeat(auto-fit, minmax(min(13rem, 100%), 1fr))',
      }}
    >
      {children}
      <Button
        type="submit"
        variant="outlined"
        color="inherit"
        disabled={disabled}
        sx={{ minHeight: '3.5rem' }}
      >
        {action}
      </Button>
      {error !== null && (
        <Alert severity="error" sx={{ gridColumn: '1 / -1' }}>
          {error.message}
        </Alert>
      )}
    </Box>
  );
}
