/**
 * The dashboard's words in the reader's language. Every language is a file of its own, and the few words of the login page are in the
 * first script in all of them; the compiler refuses a language that lacks a message, and a placeholder that is not given. Sentences
 * that the server writes (alarm instructions, timelines, reports) come as they are. No React: the first script has none.
 */
import { authEl } from '../features/auth/words/el';
import { authEn } from '../features/auth/words/en';
import { authEs } from '../features/auth/words/es';
import { authNb } from '../features/auth/words/nb';
import { authTr } from '../features/auth/words/tr';
import type { en } from './en';

export type MessageKey = keyof typeof en;
export type Messages = Readonly<Record<MessageKey, string>>;
export type Language = 'en' | 'nb' | 'es' | 'el' | 'tr';

interface LanguageFacts {
  readonly name: string;
  readonly locale: string;
  /** Before the file is here. */
  readonly first: Readonly<Record<keyof typeof authEn, string>>;
  readonly load: () => Promise<Messages>;
}

export const LANGUAGES: Readonly<Record<Language, LanguageFacts>> = {
  en: { name: 'English', locale: 'en-GB', first: authEn, load: async () => (await import('./en')).en },
  nb: { name: 'Norsk', locale: 'nb-NO', first: authNb, load: async () => (await import('./nb')).nb },
  es: { name: 'Español', locale: 'es-ES', first: authEs, load: async () => (await import('./es')).es },
  el: { name: 'Ελληνικά', locale: 'el-GR', first: authEl, load: async () => (await import('./el')).el },
  tr: { name: 'Türkçe', locale: 'tr-TR', first: authTr, load: async () => (await import('./tr')).tr },
};

type Placeholder<S extends string> = S extends `${string}{${infer P}}${infer Rest}`
  ? P | Placeholder<Rest>
  : never;
type Values<K extends MessageKey> = [Placeholder<(typeof en)[K]>] extends [never]
  ? []
  : [values: Readonly<Record<Placeholder<(typeof en)[K]>, string | number>>];

const KEY = 'shoal.language';
const listeners = new Set<() => void>();
let language: Language = 'en';
let messages: Partial<Messages> = authEn;

/** The message of a key, with its placeholders filled. */
export function t<K extends MessageKey>(key: K, ...values: Values<K>): string {
  return fill(messages[key] ?? key, values[0]);
}

/** The word for a code that the server sent (`quantity.do`), or `otherwise` where this page does not know the code. */
export function word(prefix: string, code: string, otherwise: string = plain(code)): string {
  const key = `${prefix}.${code}`;
  return (Object.hasOwn(messages, key) ? messages[key as MessageKey] : undefined) ?? otherwise;
}

/** A count with its noun; `key` stands for `key.one` and `key.other`. */
export function counted<K extends string>(
  key: `${K}.one` extends MessageKey ? (`${K}.other` extends MessageKey ? K : never) : never,
  n: number,
): string {
  const form = new Intl.PluralRules(locale()).select(n) === 'one' ? 'one' : 'other';
  const name = `${key}.${form}` as MessageKey;
  return fill(messages[name] ?? name, { n: numberText(n) });
}

/** A number as the reader's language writes it. */
export function numberText(value: number, decimals?: number): string {
  const digits = decimals === undefined ? 'any' : String(decimals);
  const name = `${language} ${digits}`;
  let format = formats.get(name);
  if (format === undefined) {
    format = new Intl.NumberFormat(
      locale(),
      decimals === undefined
        ? { maximumFractionDigits: 2 }
        : { minimumFractionDigits: decimals, maximumFractionDigits: decimals },
    );
    formats.set(name, format);
  }
  return format.format(value);
}

const formats = new Map<string, Intl.NumberFormat>();

/** BCP 47 name of the present language, for dates. */
export function locale(): string {
  return LANGUAGES[language].locale;
}

/** `net_pen` as `net pen`. */
export function plain(code: string): string {
  return code.replaceAll('_', ' ');
}

/** The language in which the page speaks. */
export function presentLanguage(): Language {
  return language;
}

/** Be told when the language changes; the answer ends that. */
export function onLanguage(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Read in another language from now on, and on this computer's next visit. */
export async function setLanguage(next: Language): Promise<void> {
  await speak(next);
  document.documentElement.lang = next;
  try {
    localStorage.setItem(KEY, next);
  } catch {
    // Storage may be forbidden; the choice then lasts as long as the page.
  }
  for (const listener of listeners) listener();
}

/** The first words of the language chosen on this computer, or of the browser's where it is known here. They need no file. */
export function firstWords(): void {
  language = chosen();
  messages = LANGUAGES[language].first;
  document.documentElement.lang = language;
}

/** All words of the chosen language. Without its file the page is in English. */
export async function loadLanguage(): Promise<void> {
  const wanted = chosen();
  // Offline, and that language was never loaded here.
  await speak(wanted).catch(() => speak('en'));
  document.documentElement.lang = language;
}

/** Load a language and speak it. */
export async function speak(next: Language): Promise<void> {
  messages = await LANGUAGES[next].load();
  language = next;
}

function chosen(): Language {
  let kept: string | null = null;
  try {
    kept = localStorage.getItem(KEY);
  } catch {
    // Storage may be forbidden.
  }
  for (const wish of [kept, ...navigator.languages]) {
    const code = (wish ?? '').slice(0, 2).replace('no', 'nb').replace('nn', 'nb');
    if (code in LANGUAGES) return code as Language;
  }
  return 'en';
}

function fill(message: string, values: Readonly<Record<string, string | number>> | undefined): string {
  if (values === undefined) return message;
  return message.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = values[name];
    return value === undefined ? whole : String(value);
  });
}
