import { expect, it } from 'vitest';
import { csvRows } from './csv';

it('reads quotes, commas and line breaks inside quotes', () =>
  expect(csvRows('\ufeffunit,note\r\ntank-1,"cleaned, then ""checked""\ntwice"\r\n,\r\n')).toEqual([
    ['unit', 'note'],
    ['tank-1', 'cleaned, then "checked"\ntwice'],
    ['', ''],
  ]));
