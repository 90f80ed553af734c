/** What stands where a chart is not there yet or has nothing to draw, and what its lines mean. */
import Box from '@mui/material/Box';
import Skeleton from '@mui/material/Skeleton';
import Typography from '@mui/material/Typography';
import type { JSX, ReactNode } from 'react';
import { t } from '../../i18n';

/** In place of a chart of so many rem: why it did not come, or that it comes. */
export function ChartPending({ error, height }: { error: Error | null; height: number }): JSX.Element {
  if (error === null) return <Skeleton variant="rounded" sx={{ height: `${height}rem` }} />;
  return (
    <Typography color="textSecondary" role="status" sx={{ ...middle, height: `${height}rem` }}>
      {error.message} {t('state.retrying')}
    </Typography>
  );
}

/** A chart with words over it while it has no line. */
export function ChartWithWords({
  words,
  children,
}: {
  words: string | null;
  children: ReactNode;
}): JSX.Element {
  return (
    <Box sx={{ position: 'relative' }}>
      {children}
      {words !== null && (
        <Typography
          color="textSecondary"
          role="status"
          sx={{ ...middle, position: 'absolute', inset: 0, pointerEvents: 'none' }}
        >
          {words}
        </Typography>
      )}
    </Box>
  );
}

/** One of two lines, as it is drawn, beside what it says. */
export function LineKey({ dashed, children }: { dashed: boolean; children: ReactNode }): JSX.Element {
  return (
    <Box component="span" sx={{ display: 'flex', alignItems: 'center', gap: 1 }}>
      <Box
        component="span"
        aria-hidden="true"
        sx={{
          width: '2rem',
          flex: 'none',
          borderTop: dashed ? '3px dashed' : '3px solid',
          borderColor: dashed ? 'text.secondary' : 'primary.main',
        }}
      />
      {children}
    </Box>
  );
}

const middle = { px: 2, display: 'grid', placeItems: 'center', textAlign: 'center' };
