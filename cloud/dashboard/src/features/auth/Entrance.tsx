/** The frame of the pages that somebody sees before they are signed in. */
import Box from '@mui/material/Box';
import Paper from '@mui/material/Paper';
import Typography from '@mui/material/Typography';
import type { JSX, ReactNode, SyntheticEvent } from 'react';
import { ShoalMark } from '../../kit/icons';

interface Props {
  title: string;
  text: string;
  onSubmit: () => void;
  children: ReactNode;
}

export function Entrance({ title, text, onSubmit, children }: Props): JSX.Element {
  return (
    <Box
      component="main"
      sx={{ minHeight: '100dvh', display: 'grid', placeItems: 'center', p: 2, bgcolor: 'background.default' }}
    >
      <Paper
        component="form"
        variant="outlined"
        onSubmit={(event: SyntheticEvent) => {
          event.preventDefault();
          onSubmit();
        }}
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
          <Typography variant="h1">{title}</Typography>
          <Typography color="textSecondary" sx={{ mt: 0.5 }}>
            {text}
          </Typography>
        </Box>
        {children}
      </Paper>
    </Box>
  );
}
