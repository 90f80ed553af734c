/** Sign in with email and password, or by way of the identity provider where there is one. */
import Alert from '@mui/material/Alert';
import Button from '@mui/material/Button';
import TextField from '@mui/material/TextField';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useState, type JSX } from 'react';
import { Navigate, useLocation } from 'react-router';
import { ApiError } from '../../api/client';
import { login, signInWays } from '../../api/endpoints';
import { Entrance } from './Entrance';
import { beginSession, lastEnd, useSession } from './session';
import { t } from '../../i18n';

export function LoginPage(): JSX.Element {
  const session = useSession();
  const location = useLocation();
  const [email, setEmail] = useState('');
  const [password, setPassword] = useState('');
  const signIn = useMutation({ mutationFn: () => login(email.trim(), password), onSuccess: beginSession });
  const ways = useQuery({
    queryKey: ['sign-in ways'],
    queryFn: ({ signal }) => signInWays(signal),
    staleTime: 300_000,
  });

  if (session !== null) return <Navigate to={cameFrom(location.state)} replace />;

  const note =
    signIn.error === null ? (lastEnd() === 'expired' ? t('login.expired') : null) : whyNot(signIn.error);
  return (
    <Entrance title={t('login.title')} text={t('login.text')} onSubmit={() => signIn.mutate()}>
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
      {ways.data?.identity_provider === true && (
        <Button
          variant="outlined"
          color="inherit"
          size="large"
          href="/api/v1/auth/oidc/start"
          sx={{ minHeight: '3.25rem' }}
        >
          {t('login.identity_provider')}
        </Button>
      )}
    </Entrance>
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
