/** What a page shows when it has nothing better: loading, empty, forbidden, not found, failed. */
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import CircularProgress from '@mui/material/CircularProgress';
import Stack from '@mui/material/Stack';
import Typography from '@mui/material/Typography';
import type { JSX, ReactNode } from 'react';
import { ApiError } from '../api/client';
import { LockIcon, ShoalMark, UnlinkIcon } from './icons';

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

export function Loading({ what }: { what: string }): JSX.Element {
  return (
    <Stack role="status" sx={{ alignItems: 'center', justifyContent: 'center', gap: 2, minHeight: '18rem' }}>
      <CircularProgress size="2rem" aria-hidden="true" />
      <Typography color="textSecondary">Loading {what}…</Typography>
    </Stack>
  );
}

/** The state that fits an error, with a retry where one can help. */
export function Failed({ error, retry }: { error: unknown; retry?: () => void }): JSX.Element {
  const failure = error instanceof ApiError ? error.failure : 'server';
  const text = error instanceof Error ? error.message : 'Something went wrong.';
  const again = retry && (
    <Button variant="outlined" onClick={() => retry()}>
      Try again
    </Button>
  );
  if (failure === 'forbidden') {
    return (
      <Note icon={<LockIcon />} title="Not open to you" text={`${text} Ask your farm manager for access.`} />
    );
  }
  if (failure === 'not_found') {
    return (
      <Note
        title="Not found"
        text="It does not exist, or it belongs to another farm."
        action={
          <Button variant="outlined" href="/">
            Back to your farms
          </Button>
        }
      />
    );
  }
  if (failure === 'connection') {
    return (
      <Note
        icon={<UnlinkIcon />}
        title="No connection to the farm server"
        text="Alarms on the edge boxes keep working. This page tries again by itself."
        action={again}
      />
    );
  }
  return <Note title="This did not load" text={text} action={again} />;
}
