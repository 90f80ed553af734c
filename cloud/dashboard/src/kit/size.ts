/** Bytes as people say them. */
import { numberText } from '../i18n';

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'] as const;

export function sizeText(bytes: number): string {
  const step = Math.min(UNITS.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3)));
  const value = bytes / 1000 ** step;
  return `${numberText(value, step === 0 || value >= 100 ? 0 : 1)} ${UNITS[step] ?? 'B'}`;
}
