/** The risk of a unit as a shape and a word; silence and staleness have their own. */
import Box from '@mui/material/Box';
import Typography from '@mui/material/Typography';
import type { JSX } from 'react';
import { SEVERITY_LABEL } from '../alarms/order';
import { SeverityMark } from '../alarms/SeverityMark';
import type { Risk } from './risk';

export function RiskBadge({ risk }: { risk: Risk }): JSX.Element {
  if (risk === 'normal') return <Word text="Normal" colour="text.secondary" />;
  if (risk === 'silent') return <Word text="Silent" colour="text.primary" dashed />;
  if (risk === 'stale') return <Word text="Partly stale" colour="stale" dashed />;
  return (
    <Box sx={{ display: 'flex', alignItems: 'center', gap: 0.75 }}>
      <SeverityMark severity={risk} size="1.375rem" silent />
      <Typography sx={{ fontWeight: 700, color: `severity.${risk}` }}>{SEVERITY_LABEL[risk]}</Typography>
    </Box>
  );
}

function Word({
  text,
  colour,
  dashed = false,
}: {
  text: string;
  colour: string;
  dashed?: boolean;
}): JSX.Element {
  return (
    <Typography
      sx={{
        color: colour,
        fontWeight: 600,
        ...(dashed && { border: '1px dashed', borderColor: 'stale', borderRadius: '0.375rem', px: 0.75 }),
      }}
    >
      {text}
    </Typography>
  );
}
