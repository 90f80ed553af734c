/** Rows of a form that may be added and removed. */
import { useState } from 'react';

interface Rows<T> {
  /** Each with a key of its own, so that removing one does not move the others' fields. */
  readonly rows: readonly { readonly key: number; readonly row: T }[];
  readonly add: (row: T) => void;
  readonly change: (key: number, part: Partial<T>) => void;
  readonly remove: (key: number) => void;
}

export function useRows<T extends object>(first: () => readonly T[]): Rows<T> {
  const [rows, setRows] = useState(() => first().map((row, key) => ({ key, row })));
  return {
    rows,
    add: (row) => setRows((old) => [...old, { key: 1 + Math.max(-1, ...old.map(({ key }) => key)), row }]),
    change: (key, part) =>
      setRows((old) => old.map((each) => (each.key === key ? { key, row: { ...each.row, ...part } } : each))),
    remove: (key) => setRows((old) => old.filter((each) => each.key !== key)),
  };
}
