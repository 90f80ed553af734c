/** A verdict as a shape and a word; colour only where something is not as it was. */
import Box from '@mui/material/Box';
import type { JSX } from 'react';
import { word } from '../../i18n';
import { CheckIcon, ClockIcon, MinusIcon, WarnIcon } from '../../kit/icons';

export function DriftMark({ status }: { status: string }): JSX.Element {
  return (
    <Box
      component="span"
      data-verdict={status}
      sx={{
        display: 'inline-flex',
        alignItems: 'center',
        gap: 0.5,
        fontWeight: 600,
        whiteSpace: 'nowrap',
        color: status === 'drift' ? 'severity.major' : 'text.secondary',
        '& svg': { fontSize: '1.125rem' },
      }}
    >
      {status === 'drift' ? (
        <WarnIcon />
      ) : status === 'stable' ? (
        <CheckIcon />
      ) : status === 'learning' ? (
        <ClockIcon />
      ) : (
        <MinusIcon />
      )}
      {word('drift_status', status)}
    </Box>
  );
}
