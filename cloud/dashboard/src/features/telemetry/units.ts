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
  'kg/m3/d': 'kg/m³/d',
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

/** What a tile shows large: what fish die of first. */
export const LARGE: ReadonlySet<string> = new Set(['do', 'do_sat']);

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

/** Forecasts are told up to a day; beyond it nothing falls that anybody could wait for. */
const FORECAST_MIN = 1_440;
const FORECASTS: ReadonlySet<string> = new Set(['do_critical_in', 'oxygen_left']);

/** Number and unit of a live value, apart. */
export function shownOf(reading: {
  quantity: string;
  value: number | null;
  decimals: number;
  ucum: string | null;
}): { value: string; unit: string } {
  if (FORECASTS.has(reading.quantity) && reading.value !== null && reading.value >= FORECAST_MIN)
    return { value: '> 24', unit: 'h' };
  return { value: valueText(reading.value, reading.decimals), unit: unitText(reading.ucum) };
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
