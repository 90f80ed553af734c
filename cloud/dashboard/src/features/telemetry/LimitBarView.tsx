/** A limit bar: zones by pattern and tint, the value as a marker. Drawn only when a limit is known. */
import Box from '@mui/material/Box';
import { useTheme } from '@mui/material/styles';
import type { JSX } from 'react';
import { limitBar, type Limits, type Zone } from './limitBar';
import { measureText } from './units';
import { t } from '../../i18n';

interface Props {
  value: number | null;
  limits: Limits;
  stale: boolean;
  ucum: string;
}

const HEIGHT = 10;

export function LimitBarView({ value, limits, stale, ucum }: Props): JSX.Element {
  const { palette } = useTheme();
  const bar = limitBar(value, limits);
  // The row keeps its height without limits, so that tiles stay aligned.
  if (bar === null) return <Box sx={{ height: '0.875rem' }} />;
  const tint: Record<Zone, string> = {
    critical: palette.severity.critical,
    warning: palette.severity.warning,
    normal: palette.text.disabled,
  };
  const marker = bar.marker === null ? null : bar.marker * 100;
  return (
    <Box
      role="img"
      aria-label={describe(limits, ucum)}
      title={describe(limits, ucum)}
      sx={{ height: '0.875rem', display: 'flex', alignItems: 'center' }}
    >
      <svg
        width="100%"
        height="0.75rem"
        viewBox={`0 0 100 ${HEIGHT}`}
        preserveAspectRatio="none"
        aria-hidden="true"
      >
        {bar.segments.map((segment) => (
          <rect
            key={segment.from}
            x={segment.from * 100 + 0.4}
            width={Math.max(0, (segment.to - segment.from) * 100 - 0.8)}
            y={segment.zone === 'normal' ? 4 : segment.zone === 'warning' ? 3 : 2}
            height={segment.zone === 'normal' ? 2 : segment.zone === 'warning' ? 4 : 6}
            fill={tint[segment.zone]}
            opacity={stale ? 0.3 : segment.zone === 'normal' ? 0.45 : 0.7}
          />
        ))}
        {marker !== null && (
          <rect
            x={Math.min(98.6, Math.max(0, marker - 0.7))}
            width={1.4}
            y={0}
            height={HEIGHT}
            fill={stale ? palette.stale : palette.text.primary}
          />
        )}
      </svg>
    </Box>
  );
}

function describe(limits: Limits, ucum: string): string {
  const parts = [
    [t('limits.critical_below'), limits.criticalLow],
    [t('limits.warning_below'), limits.warningLow],
    [t('limits.warning_above'), limits.warningHigh],
    [t('limits.critical_above'), limits.criticalHigh],
  ] as const;
  const known = parts.filter(([, limit]) => limit !== null);
  return `${t('limits.title')}: ${known.map(([words, limit]) => `${words} ${measureText(limit, ucum)}`).join(', ')}`;
}
