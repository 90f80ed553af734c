/** A period that ends now, chosen by its length. */
import type { JSX } from 'react';
import { t } from '../i18n';
import { Segments } from './Segments';

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
    <Segments
      label={t('period.title')}
      value={days}
      options={choices.map((each) => [each, t('period.days', { n: each })])}
      onChange={onChange}
    />
  );
}
