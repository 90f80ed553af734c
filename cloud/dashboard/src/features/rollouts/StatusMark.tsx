/** Where a rollout or a trial stands: a shape and a word, never a colour alone. */
import Box from '@mui/material/Box';
import type { ComponentType, JSX } from 'react';
import { word } from '../../i18n';
import { BackIcon, CheckIcon, ClockIcon, CloseIcon, ForwardIcon, MinusIcon } from '../../kit/icons';

const MARKS: Readonly<Record<string, readonly [ComponentType, string]>> = {
  proposed: [ClockIcon, 'severity.minor'],
  asked: [ClockIcon, 'text.secondary'],
  refused: [CloseIcon, 'severity.major'],
  running: [ForwardIcon, 'live'],
  paused: [MinusIcon, 'severity.major'],
  finished: [CheckIcon, 'live'],
  rolling_back: [BackIcon, 'severity.major'],
  rolled_back: [BackIcon, 'text.secondary'],
  canceled: [CloseIcon, 'text.secondary'],
  ending: [BackIcon, 'severity.minor'],
  ended: [CheckIcon, 'text.secondary'],
};

export function StatusMark({ status }: { status: string }): JSX.Element {
  const [Icon, color] = MARKS[status] ?? [ClockIcon, 'text.secondary'];
  return (
    <Box
      component="span"
      data-testid="rollout-status"
      data-status={status}
      sx={{
        display: 'inline-flex',
        alignItems: 'center',
        gap: 0.5,
        color,
        fontWeight: 650,
        whiteSpace: 'nowrap',
      }}
    >
      <Icon />
      {word('rollout_status', status)}
    </Box>
  );
}
