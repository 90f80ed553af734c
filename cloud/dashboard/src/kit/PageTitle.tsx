/** The title of a page, what the page is for, and what can be done on it. */
import Box from '@mui/material/Box';
import Typography from '@mui/material/Typography';
import type { JSX, ReactNode } from 'react';

interface Props {
  title: string;
  text?: string;
  children?: ReactNode;
}

export function PageTitle({ title, text, children }: Props): JSX.Element {
  return (
    <Box sx={{ display: 'flex', flexWrap: 'wrap', alignItems: 'center', gap: 1.5, mb: 2 }}>
      <Box sx={{ flex: '1 1 16rem', minWidth: 0 }}>
        <Typography variant="h1">{title}</Typography>
        {text !== undefined && (
          <Typography variant="body2" color="textSecondary" sx={{ mt: 0.25, maxWidth: '48rem' }}>
            {text}
          </Typography>
        )}
      </Box>
      {children}
    </Box>
  );
}
