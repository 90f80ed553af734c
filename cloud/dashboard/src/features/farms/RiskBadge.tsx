/** The risk of a unit as a shape and a word; silence and staleness have their own. */
import Box from '@mui/material/Box';
import Typography from '@mui/material/Typography';
import type { JSX } from 'react';
import { severityText } from '../alarms/order';
import { SeverityMark } from '../alarms/SeverityMark';
import type { Risk } from './risk';
import { t } from '../../i18n';

export function RiskBadge({ risk }: { risk: Risk }): JSX.Element {
  if (risk === 'normal') return <Word text={t('risk.normal')} colour="text.secondary" />;
  if (risk === 'silent') return <Word text={t('risk.silent')} colour="text.primary" dashed />;
  if (risk === 'stale') return <Word text={t('risk.stale')} colour="stale" dashed />;
  return (
    <Box sx={{ display: 'flex', alignItems: 'center', gap: 0.75 }}>
      <SeverityMark severity={risk} size="1.375rem" silent />
      <Typography sx={{ fontWeight: 700, color: `severity.${risk}` }}>{severityText(risk)}</Typography>
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
