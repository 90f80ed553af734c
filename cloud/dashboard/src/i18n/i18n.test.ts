import { describe, expect, it } from 'vitest';
import { el } from './el';
import { en } from './en';
import { es } from './es';
import { counted, t, word } from './index';
import { nb } from './nb';
import { tr } from './tr';

const TRANSLATIONS = { nb, es, el, tr };

describe.each(Object.entries(TRANSLATIONS))('the language %s', (_code, messages) => {
  it('has every message and no other', () => {
    expect(Object.keys(messages).sort()).toEqual(Object.keys(en).sort());
  });

  it('keeps the placeholders of each message', () => {
    const wrong = Object.entries(en).filter(
      ([key, text]) => placeholders(text).join() !== placeholders(messages[key as keyof typeof en]).join(),
    );
    expect(wrong).toEqual([]);
  });

  it('leaves no message empty and does not hand out English for whole sentences', () => {
    const values = Object.entries(messages);
    expect(values.filter(([, text]) => text.trim() === '')).toEqual([]);
    const english = values.filter(
      ([key, text]) => text === en[key as keyof typeof en] && /\w{3,} \w{3,} \w{3,}/.test(text),
    );
    expect(english).toEqual([]);
  });
});

function placeholders(text: string): string[] {
  return [...text.matchAll(/\{\w+\}/g)].map(([name]) => name).sort();
}

describe('a message', () => {
  it('is filled with its values', () => expect(t('charts.of', { what: 'pH' })).toBe('Chart of pH'));
  it('counts', () => {
    expect(counted('devices.boxes', 1)).toBe('1 edge box');
    expect(counted('devices.boxes', 3)).toBe('3 edge boxes');
  });
  it('of an unknown code is the code in plain words', () => {
    expect(word('quantity', 'do')).toBe('Dissolved oxygen');
    expect(word('quantity', 'snow_depth')).toBe('snow depth');
  });
});
