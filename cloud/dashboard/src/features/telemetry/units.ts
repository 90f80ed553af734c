/** UCUM codes and quantities as people read them. */
import { numberText, word } from '../../i18n';

const SYMBOLS: Readonly<Record<string, string>> = {
  Cel: '°C',
  '[pH]': '',
  '1': '',
  '[NTU]': 'NTU',
  'uS/cm': 'µS/cm',
  'mS/cm': 'mS/cm',
  'ug/L': 'µg/L',
  '[ppth]': '‰',
};

/** Order in which a farm reads its water; what is not listed comes after, by name. */
const ORDER = [
  'do',
  'do_sat',
  'temperature',
  'ph',
  'salinity',
  'nh3',
  'tan',
  'co2',
  'turbidity',
  'no2',
  'no3',
];

/** Formulas and abbreviations, which are the same in every language. */
const FORMULAS: Readonly<Record<string, string>> = { nh3: 'NH₃', tan: 'TAN', co2: 'CO₂', orp: 'ORP' };

/** `mg/L`, `°C`; empty where the number has no unit. */
export function unitText(ucum: string | null): string {
  if (ucum === null) return '';
  return SYMBOLS[ucum] ?? ucum;
}

/** The number with the digits that are worth showing, or a dash. */
export function valueText(value: number | null, decimals: number): string {
  return value === null ? '–' : numberText(value, decimals);
}

/** Number and unit together, for sentences. */
export function measureText(value: number | null, ucum: string | null, decimals = 2): string {
  if (value === null) return '–';
  const unit = unitText(ucum);
  const number = numberText(Number(value.toFixed(decimals)), undefined);
  return unit === '' ? number : `${number} ${unit}`;
}

/** The quantity in the reader's language; `label` is what the server calls it. */
export function quantityText(quantity: string, label?: string): string {
  return word('quantity', quantity, label);
}

/** Short name for a tile; the full label stays on the unit page. */
export function shortLabel(quantity: string, label: string): string {
  return FORMULAS[quantity] ?? word('short', quantity, quantityText(quantity, label));
}

/** Readings in the order in which a farm reads its water. */
export function inReadingOrder<T extends { quantity: string; label: string }>(readings: readonly T[]): T[] {
  const rank = (quantity: string): number => {
    const index = ORDER.indexOf(quantity);
    return index === -1 ? ORDER.length : index;
  };
  return [...readings].sort((a, b) => rank(a.quantity) - rank(b.quantity) || a.label.localeCompare(b.label));
}
