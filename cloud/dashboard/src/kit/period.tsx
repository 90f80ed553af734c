/** A period that ends now, chosen by its length. */
import ToggleButton from '@mui/material/ToggleButton';
import ToggleButtonGroup from '@mui/material/ToggleButtonGroup';
import type { JSX } from 'react';
import { t } from '../i18n';

const DAY_MS = 86_400_000;

/** Whole hours, so that asking twice in an hour is asking the same. */
export function lastDays(days: number): { start: string; end: string } {
  const end = Math.ceil(Date.now() / 3_600_000) * 3_600_000;
  return { start: new Date(end - days * DAY_MS).toISOString(), end: new Date(end).toISOString() };
}

interface Props {
  days: number;
  choices: readonly number[];
  onChange: (days: number) => void;
}

export function PeriodChoice({ days, choices, onChange }: Props): JSX.Element {
  return (
    <ToggleButtonGroup
      exclusive
      value={days}
      aria-label={t('period.title')}
      onChange={(_event, value: number | null) => value !== null && onChange(value)}
    >
      {choices.map((value) => (
        <ToggleButton key={value} value={value} sx={{ px: 2 }}>
          {t('period.days', { n: value })}
        </ToggleButton>
      ))}
    </ToggleButtonGroup>
  );
}
