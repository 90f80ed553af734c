/** The link to the farm: shape and word, details on hover. */
import Box from '@mui/material/Box';
import Typography from '@mui/material/Typography';
import type { JSX } from 'react';
import { useNow } from '../../kit/clock';
import { visuallyHidden } from '../../kit/hidden';
import { elapsedSeconds, serverNowMs } from '../../kit/time';
import type { Snapshot } from '../telemetry/queries';
import { linkOf, type LinkState } from './link';

const COLOUR: Record<LinkState, string> = {
  live: 'live',
  stale: 'severity.minor',
  offline: 'severity.major',
  no_connection: 'severity.major',
  no_device: 'stale',
};

export function LinkChip({ snapshot }: { snapshot: Snapshot }): JSX.Element {
  const { latest, receivedAt } = snapshot;
  // One primitive answer, so that the chip renders only when the link changes.
  const told = useNow((now) => {
    const link = linkOf({
      devices: latest.devices,
      serverMs: serverNowMs(latest.server_time, receivedAt, now),
      silentS: elapsedSeconds(receivedAt, now),
    });
    return [link.state, link.label, link.detail].join('|');
  });
  const [state, label, detail] = told.split('|') as [LinkState, string, string];
  const colour = COLOUR[state];
  return (
    <Box
      data-testid="link-state"
      data-state={state}
      title={detail}
      sx={{ display: 'inline-flex', alignItems: 'center', gap: 0.75, color: colour, whiteSpace: 'nowrap' }}
    >
      <Box
        component="svg"
        viewBox="0 0 16 16"
        aria-hidden="true"
        sx={{ width: '0.875rem', height: '0.875rem' }}
      >
        {state === 'live' ? (
          <circle cx="8" cy="8" r="6" fill="currentColor" />
        ) : state === 'stale' ? (
          <path
            d="M8 2a6 6 0 0 1 0 12z M8 2a6 6 0 0 0 0 12"
            fill="currentColor"
            stroke="currentColor"
            fillOpacity="0.35"
          />
        ) : (
          <path
            d="M3 3l10 10M13 3L3 13"
            fill="none"
            stroke="currentColor"
            strokeWidth="2.5"
            strokeLinecap="round"
          />
        )}
      </Box>
      <Typography component="span" variant="body2" sx={{ fontWeight: 650 }}>
        {label}
      </Typography>
      <Box component="span" sx={visuallyHidden}>
        {detail}
      </Box>
    </Box>
  );
}
