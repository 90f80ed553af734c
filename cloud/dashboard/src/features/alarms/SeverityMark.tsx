/** Severity as a shape: octagon, triangle, diamond, circle. The word stands beside it or in the label. */
import Box from '@mui/material/Box';
import type { JSX } from 'react';
import type { Severity } from '../../api/types';
import { severityText } from './order';

const SHAPES: Record<Severity, JSX.Element> = {
  critical: <path d="M7.2 1.5h9.6l5.7 5.7v9.6l-5.7 5.7H7.2l-5.7-5.7V7.2z" />,
  major: <path d="M12 2l10.5 19.5h-21z" />,
  minor: <path d="M12 1.2L22.8 12 12 22.8 1.2 12z" />,
  warning: <circle cx="12" cy="12" r="10.5" />,
};

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
      {SHAPES[severity]}
      {!hollow && severity !== 'warning' && severity !== 'minor' && (
        <Box
          component="path"
          d={severity === 'critical' ? 'M12 6.5v7M12 17v.3' : 'M12 9.5v5.5M12 18v.3'}
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
