/** What a page shows when it has nothing better: loading, empty, forbidden, not found, failed. */
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import CircularProgress from '@mui/material/CircularProgress';
import Stack from '@mui/material/Stack';
import Typography from '@mui/material/Typography';
import type { JSX, ReactNode } from 'react';
import { ApiError } from '../api/client';
import { LockIcon, ShoalMark, UnlinkIcon } from './icons';
import { t } from '../i18n';

interface NoteProps {
  title: string;
  text?: string;
  icon?: ReactNode;
  action?: ReactNode;
}

/** A centred message with an optional way out. */
export function Note({ title, text, icon, action }: NoteProps): JSX.Element {
  return (
    <Stack
      role="status"
      sx={{
        alignItems: 'center',
        justifyContent: 'center',
        textAlign: 'center',
        gap: 1.5,
        p: 4,
        minHeight: '18rem',
      }}
    >
      <Box sx={{ color: 'text.disabled', '& svg': { fontSize: '2.75rem' } }}>
        {icon ?? <ShoalMark size="3rem" />}
      </Box>
      <Typography variant="h2" component="p">
        {title}
      </Typography>
      {text !== undefined && (
        <Typography color="textSecondary" sx={{ maxWidth: '32rem' }}>
          {text}
        </Typography>
      )}
      {action}
    </Stack>
  );
}

export function Loading(): JSX.Element {
  return (
    <Stack role="status" sx={{ alignItems: 'center', justifyContent: 'center', gap: 2, minHeight: '18rem' }}>
      <CircularProgress size="2rem" aria-hidden="true" />
      <Typography color="textSecondary">{t('state.loading')}</Typography>
    </Stack>
  );
}

/** The state that fits an error, with a retry where one can help. */
export function Failed({ error, retry }: { error: unknown; retry?: () => void }): JSX.Element {
  const failure = error instanceof ApiError ? error.failure : 'server';
  const text = error instanceof Error ? error.message : t('state.wrong');
  const again = retry && (
    <Button variant="outlined" onClick={() => retry()}>
      {t('action.retry')}
    </Button>
  );
  if (failure === 'forbidden') {
    return <Note icon={<LockIcon />} title={t('state.forbidden')} text={t('state.forbidden_text')} />;
  }
  if (failure === 'not_found') {
    return (
      <Note
        title={t('state.not_found')}
        text={t('state.not_found_text')}
        action={
          <Button variant="outlined" href="/">
            {t('action.home')}
          </Button>
        }
      />
    );
  }
  if (failure === 'connection') {
    return (
      <Note
        icon={<UnlinkIcon />}
        title={t('state.no_connection')}
        text={t('state.no_connection_text')}
        action={again}
      />
    );
  }
  if (failure === 'server') {
    return <Note title={t('state.failed')} text={t('state.server_text', { why: text })} action={again} />;
  }
  return <Note title={t('state.failed')} text={text} action={again} />;
}
