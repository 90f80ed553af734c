/** QARTOD flags as words and shapes. A flag is told by both, never by colour alone. */
import type { LatestReading } from '../../api/types';

export type Shape = 'check' | 'ring' | 'question' | 'cross' | 'dash';

export interface QualityLook {
  readonly label: string;
  readonly shape: Shape;
  readonly trusted: boolean;
  readonly meaning: string;
}

const UNKNOWN: QualityLook = {
  label: 'Unknown',
  shape: 'question',
  trusted: false,
  meaning: 'This dashboard does not know the flag',
};

const LOOKS: Readonly<Record<number, QualityLook>> = {
  1: { label: 'Good', shape: 'check', trusted: true, meaning: 'Passed every quality test' },
  2: { label: 'Unchecked', shape: 'ring', trusted: true, meaning: 'No quality test could run' },
  3: { label: 'Suspect', shape: 'question', trusted: false, meaning: 'A quality test found it doubtful' },
  4: { label: 'Fail', shape: 'cross', trusted: false, meaning: 'A quality test failed: do not act on it' },
  9: { label: 'Missing', shape: 'dash', trusted: false, meaning: 'The sensor sent no value' },
};

export function qualityLook(flag: number): QualityLook {
  return LOOKS[flag] ?? UNKNOWN;
}

/** What the test that decided the flag found; its code where nobody knows its meaning, null where none is named. */
export function flagReason({ quality, tests }: Pick<LatestReading, 'quality' | 'tests'>): string | null {
  const [first] = tests;
  return first === undefined || first.quality !== quality ? null : (first.meaning ?? first.test);
}
