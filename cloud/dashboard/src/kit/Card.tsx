/** The surface on which one thing of a page stands. */
import Paper from '@mui/material/Paper';
import Typography from '@mui/material/Typography';
import type { JSX, ReactNode } from 'react';

interface Props {
  title?: string;
  children: ReactNode;
}

export function Card({ title, children }: Props): JSX.Element {
  return (
    <Paper
      variant="outlined"
      component={title === undefined ? 'div' : 'section'}
      aria-label={title}
      sx={{ p: { xs: 1.5, sm: 2 }, borderRadius: '0.875rem', minWidth: 0 }}
    >
      {title !== undefined && (
        <Typography variant="h2" sx={{ mb: 1.5 }}>
          {title}
        </Typography>
      )}
      {children}
    </Paper>
  );
}
