/** Come in by an invitation, or set a forgotten password: both by the one-time token of a link. Loaded when such a link is opened. */
import Alert from '@mui/material/Alert';
import Button from '@mui/material/Button';
import TextField from '@mui/material/TextField';
import { useMutation } from '@tanstack/react-query';
import { useState, type JSX } from 'react';
import { Navigate, useNavigate } from 'react-router';
import { register, setForgottenPassword } from '../../api/endpoints';
import { t } from '../../i18n';
import { Entrance } from './Entrance';
import { beginSession } from './session';
import { useSession } from './useSession';

const LEAST = 12;

export default function JoinPage(): JSX.Element {
  const session = useSession();
  const navigate = useNavigate();
  const [given] = useState(() => new URLSearchParams(window.location.hash.slice(1)));
  const reset = given.get('reset');
  const [token, setToken] = useState(reset ?? given.get('token') ?? '');
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const join = useMutation({
    mutationFn: () => register(token.trim(), name.trim(), password),
    onSuccess: beginSession,
  });
  const change = useMutation({
    mutationFn: () => setForgottenPassword(token.trim(), password),
    onSuccess: () => navigate('/login', { replace: true }),
  });
  if (session !== null) return <Navigate to="/" replace />;
  const doing = reset === null ? join : change;
  return (
    <Entrance
      title={reset === null ? t('join.title') : t('join.reset_title')}
      text={reset === null ? t('join.text') : t('join.reset_text')}
      onSubmit={() => doing.mutate()}
    >
      {doing.error !== null && <Alert severity="error">{doing.error.message}</Alert>}
      <TextField
        label={t('join.token')}
        required
        autoComplete="off"
        value={token}
        onChange={(event) => setToken(event.target.value)}
      />
      {reset === null && (
        <TextField
          label={t('join.name')}
          name="name"
          autoComplete="name"
          required
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
      )}
      <TextField
        label={t('login.password')}
        type="password"
        name="new-password"
        autoComplete="new-password"
        required
        helperText={t('join.password_text', { n: LEAST })}
        value={password}
        onChange={(event) => setPassword(event.target.value)}
        slotProps={{ htmlInput: { minLength: LEAST } }}
      />
      <Button
        type="submit"
        variant="contained"
        size="large"
        disableElevation
        disabled={doing.isPending}
        sx={{ minHeight: '3.25rem' }}
      >
        {reset === null ? t('join.do') : t('records.save')}
      </Button>
    </Entrance>
  );
}
