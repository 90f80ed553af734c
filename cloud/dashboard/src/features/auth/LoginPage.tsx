/** Sign in with email and password. */
import Alert from '@mui/material/Alert';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Paper from '@mui/material/Paper';
import TextField from '@mui/material/TextField';
import Typography from '@mui/material/Typography';
import { useMutation } from '@tanstack/react-query';
import { useState, type SyntheticEvent, type JSX } from 'react';
import { Navigate, useLocation } from 'react-router';
import { ApiError } from '../../api/client';
import { login } from '../../api/endpoints';
import { ShoalMark } from '../../kit/icons';
import { beginSession, lastEnd, useSession } from './session';

export function LoginPage(): JSX.Element {
  const session = useSession();
  const location = useLocation();
  const [email, setEmail] = useState('');
  const [password, setPassword] = useState('');
  const signIn = useMutation({ mutationFn: () => login(email.trim(), password), onSuccess: beginSession });

  if (session !== null) return <Navigate to={cameFrom(location.state)} replace />;

  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    signIn.mutate();
  };
  const note = signIn.error === null ? (lastEnd() === 'expired' ? EXPIRED : null) : whyNot(signIn.error);
  return (
    <Box
      component="main"
      sx={{ minHeight: '100dvh', display: 'grid', placeItems: 'center', p: 2, bgcolor: 'background.default' }}
    >
      <Paper
        component="form"
        variant="outlined"
        onSubmit={submit}
        sx={{
          width: '100%',
          maxWidth: '25rem',
          p: { xs: 3, sm: 4 },
          display: 'grid',
          gap: 2.5,
          borderRadius: '0.875rem',
        }}
      >
        <Box sx={{ display: 'flex', alignItems: 'center', gap: 1.25, color: 'primary.main' }}>
          <ShoalMark size="2.5rem" />
          <Typography sx={{ fontSize: '1.5rem', fontWeight: 700, color: 'text.primary' }}>Shoal</Typography>
        </Box>
        <Box>
          <Typography variant="h1">Sign in to your farm</Typography>
          <Typography color="textSecondary" sx={{ mt: 0.5 }}>
            Live water, fish and alarms
          </Typography>
        </Box>
        {note !== null && <Alert severity={signIn.error === null ? 'info' : 'error'}>{note}</Alert>}
        <TextField
          label="Email"
          type="email"
          name="email"
          autoComplete="username"
          autoFocus
          required
          value={email}
          onChange={(event) => setEmail(event.target.value)}
        />
        <TextField
          label="Password"
          type="password"
          name="password"
          autoComplete="current-password"
          required
          value={password}
          onChange={(event) => setPassword(event.target.value)}
        />
        <Button
          type="submit"
          variant="contained"
          size="large"
          disableElevation
          disabled={signIn.isPending}
          sx={{ minHeight: '3.25rem' }}
        >
          {signIn.isPending ? 'Signing in…' : 'Sign in'}
        </Button>
      </Paper>
    </Box>
  );
}

const EXPIRED = 'Your session has ended. Sign in again to go on.';

function whyNot(error: Error): string {
  if (error instanceof ApiError) {
    if (error.failure === 'unauthorized' || error.status === 400) return 'Email or password is wrong.';
    if (error.failure === 'connection')
      return 'The farm server does not answer. Check the network and try again.';
  }
  return error.message;
}

/** The page that asked for a session, within this site only. */
function cameFrom(state: unknown): string {
  const from = (state as { from?: unknown } | null)?.from;
  return typeof from === 'string' && from.startsWith('/') && !from.startsWith('//') ? from : '/';
}
