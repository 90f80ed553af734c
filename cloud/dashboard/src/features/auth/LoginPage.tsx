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
import { t } from '../../i18n';

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
  const note =
    signIn.error === null ? (lastEnd() === 'expired' ? t('login.expired') : null) : whyNot(signIn.error);
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
          <Typography variant="h1">{t('login.title')}</Typography>
          <Typography color="textSecondary" sx={{ mt: 0.5 }}>
            {t('login.text')}
          </Typography>
        </Box>
        {note !== null && <Alert severity={signIn.error === null ? 'info' : 'error'}>{note}</Alert>}
        <TextField
          label={t('login.email')}
          type="email"
          name="email"
          autoComplete="username"
          autoFocus
          required
          value={email}
          onChange={(event) => setEmail(event.target.value)}
        />
        <TextField
          label={t('login.password')}
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
          {signIn.isPending ? t('login.signing_in') : t('login.sign_in')}
        </Button>
      </Paper>
    </Box>
  );
}

function whyNot(error: Error): string {
  if (error instanceof ApiError) {
    if (error.failure === 'unauthorized' || error.status === 400) return t('login.wrong');
    if (error.failure === 'connection') return t('login.no_answer');
  }
  return error.message;
}

/** The page that asked for a session, within this site only. */
function cameFrom(state: unknown): string {
  const from = (state as { from?: unknown } | null)?.from;
  return typeof from === 'string' && from.startsWith('/') && !from.startsWith('//') ? from : '/';
}
