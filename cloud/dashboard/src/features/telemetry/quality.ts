/** QARTOD flags as words and shapes. A flag is told by both, never by colour alone. */
import type { LatestReading } from '../../api/types';
import { t } from '../../i18n';

export type Shape = 'check' | 'ring' | 'question' | 'cross' | 'dash';

export interface QualityLook {
  readonly label: string;
  readonly shape: Shape;
  readonly trusted: boolean;
  readonly meaning: string;
}

type Name = 'good' | 'unchecked' | 'suspect' | 'fail' | 'missing' | 'unknown';

const SHAPES: Readonly<Record<Name, Shape>> = {
  good: 'check',
  unchecked: 'ring',
  suspect: 'question',
  fail: 'cross',
  missing: 'dash',
  unknown: 'question',
};

const NAMES: Readonly<Record<number, Name>> = {
  1: 'good',
  2: 'unchecked',
  3: 'suspect',
  4: 'fail',
  9: 'missing',
};

export function qualityLook(flag: number): QualityLook {
  const name = NAMES[flag] ?? 'unknown';
  return {
    label: t(`quality.${name}`),
    shape: SHAPES[name],
    trusted: name === 'good' || name === 'unchecked',
    meaning: t(`quality.${name}_why`),
  };
}

/** What the test that decided the flag found; its code where nobody knows its meaning, null where none is named. */
export function flagReason({ quality, tests }: Pick<LatestReading, 'quality' | 'tests'>): string | null {
  const [first] = tests;
  return first === undefined || first.quality !== quality ? null : (first.meaning ?? first.test);
}
