/** Ages and times as text. Pure: the present moment is an argument. */
import type { Moment } from './clock';
import { locale } from '../i18n';

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Seconds since `since`. Of two clocks the later one counts: a value may look too old, never too fresh. */
export function elapsedSeconds(since: Moment, now: Moment): number {
  return Math.max(0, now.wallMs - since.wallMs, now.monotonicMs - since.monotonicMs) / 1000;
}

/** Age as a person says it, to the second as long as seconds matter. */
export function ageText(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < MINUTE) return `${whole} s`;
  if (whole < HOUR) return `${Math.floor(whole / MINUTE)} min ${pad(whole % MINUTE)} s`;
  if (whole < DAY) return `${Math.floor(whole / HOUR)} h ${pad(Math.floor((whole % HOUR) / MINUTE))} min`;
  return `${Math.floor(whole / DAY)} d ${Math.floor((whole % DAY) / HOUR)} h`;
}

/** Age without the part that no longer matters, for narrow places: `23 min`. */
export function shortAgeText(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < MINUTE) return `${whole} s`;
  if (whole < HOUR) return `${Math.floor(whole / MINUTE)} min`;
  if (whole < DAY) return `${Math.floor(whole / HOUR)} h`;
  return `${Math.floor(whole / DAY)} d`;
}

/** Seconds between two ISO times; negative clock differences count as zero. */
export function secondsBetween(earlier: string, later: string): number {
  return Math.max(0, (Date.parse(later) - Date.parse(earlier)) / 1000);
}

/** The server's clock now, carried forward from its last answer. */
export function serverNowMs(serverTime: string, receivedAt: Moment, now: Moment): number {
  return Date.parse(serverTime) + elapsedSeconds(receivedAt, now) * 1000;
}

/** Wall clock of a farm, `14:03`, in the farm's own time zone. */
export function farmClock(atMs: number, timeZone: string): string {
  return new Intl.DateTimeFormat(locale(), {
    hour: '2-digit',
    hourCycle: 'h23',
    minute: '2-digit',
    timeZone,
  }).format(atMs);
}

/** Date and time in a farm's own time zone, `21 Nov 14:03:22`. */
export function farmDateTime(atMs: number, timeZone: string): string {
  return new Intl.DateTimeFormat(locale(), {
    day: 'numeric',
    month: 'short',
    hour: '2-digit',
    hourCycle: 'h23',
    minute: '2-digit',
    second: '2-digit',
    timeZone,
  })
    .format(atMs)
    .replace(',', '');
}

function pad(value: number): string {
  return String(value).padStart(2, '0');
}

/** Midnight before a moment, in a farm's own time zone, in Unix milliseconds. */
export function startOfDayMs(atMs: number, timeZone: string): number {
  const midnight = atMs - sinceMidnightMs(atMs, timeZone);
  // A clock that was put forward or back since midnight: what is left over leads to it.
  const left = sinceMidnightMs(midnight, timeZone);
  return left > DAY * 500 ? midnight + DAY * 1000 - left : midnight - left;
}

function sinceMidnightMs(atMs: number, timeZone: string): number {
  const parts = new Intl.DateTimeFormat('en-GB', {
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
    hourCycle: 'h23',
    timeZone,
  }).formatToParts(atMs);
  const of = (type: string): number => Number(parts.find((part) => part.type === type)?.value ?? 0);
  return (of('hour') * HOUR + of('minute') * MINUTE + of('second')) * 1000 + (atMs % 1000);
}
