/** Severity as a shape: octagon, triangle, diamond, circle. The word stands beside it or in the label. */
import Box from '@mui/material/Box';
import type { JSX } from 'react';
import type { Severity } from '../../api/types';
import { severityText } from './order';
import { SHAPES, SIGNS } from './shapes';

interface Props {
  severity: Severity;
  size?: string;
  /** A cleared alarm is an outline. */
  hollow?: boolean;
  silent?: boolean;
}

export function SeverityMark({
  severity,
  size = '1.25rem',
  hollow = false,
  silent = false,
}: Props): JSX.Element {
  return (
    <Box
      component="svg"
      viewBox="0 0 24 24"
      role={silent ? undefined : 'img'}
      aria-hidden={silent}
      aria-label={silent ? undefined : severityText(severity)}
      sx={{
        width: size,
        height: size,
        flex: 'none',
        color: `severity.${severity}`,
        fill: hollow ? 'none' : 'currentColor',
        stroke: hollow ? 'currentColor' : 'none',
        strokeWidth: 2.5,
        strokeLinejoin: 'round',
      }}
    >
      <path d={SHAPES[severity]} />
      {!hollow && SIGNS[severity] !== undefined && (
        <Box
          component="path"
          d={SIGNS[severity]}
          sx={{
            stroke: 'background.paper',
            strokeWidth: 2.8,
            strokeLinecap: 'round',
            color: 'background.paper',
          }}
          stroke="currentColor"
        />
      )}
    </Box>
  );
}
