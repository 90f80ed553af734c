/** A quality flag: shape and word. Quiet while a value can be trusted, loud when it cannot. */
import Box from '@mui/material/Box';
import type { JSX } from 'react';
import { qualityLook, type Shape } from './quality';

const PATHS: Record<Shape, JSX.Element> = {
  check: <path d="M3 8.5l3.5 3.5L13 4.5" />,
  ring: <circle cx="8" cy="8" r="4.5" />,
  question: <path d="M5.5 6a2.5 2.5 0 1 1 3.7 2.2c-.8.5-1.2.9-1.2 1.8M8 13.2v.1" />,
  cross: <path d="M4 4l8 8M12 4l-8 8" />,
  dash: <path d="M3 8h10" />,
};

interface Props {
  flag: number;
  /** Why, in words; shown beside a flag that says not to trust the value. */
  why?: string | null;
}

export function QualityFlag({ flag, why = null }: Props): JSX.Element {
  const look = qualityLook(flag);
  if (look.trusted || why === null) return <Mark flag={flag} />;
  return (
    <>
      <Mark flag={flag} />{' '}
      <Box component="span" data-testid="quality-reason" sx={{ color: 'text.primary' }}>
        {why}
      </Box>
    </>
  );
}

function Mark({ flag }: { flag: number }): JSX.Element {
  const look = qualityLook(flag);
  return (
    <Box
      component="span"
      title={look.meaning}
      sx={{
        display: 'inline-flex',
        alignItems: 'center',
        gap: '0.25rem',
        whiteSpace: 'nowrap',
        ...(look.trusted
          ? { color: 'inherit' }
          : {
              color: 'text.primary',
              fontWeight: 600,
              px: '0.3rem',
              borderRadius: '0.25rem',
              border: '1px solid',
              borderColor: 'severity.minor',
            }),
      }}
    >
      <svg
        viewBox="0 0 16 16"
        width="0.85em"
        height="0.85em"
        fill="none"
        stroke="currentColor"
        strokeWidth="2"
        strokeLinecap="round"
        strokeLinejoin="round"
        aria-hidden="true"
      >
        {PATHS[look.shape]}
      </svg>
      {look.label}
    </Box>
  );
}
