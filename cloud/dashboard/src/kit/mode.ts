/** Dark or light, as the person chose on this computer; a control room is dark until told otherwise. */
import { useState } from 'react';
import type { Mode } from './theme';

const KEY = 'shoal.theme';

export function useMode(): [Mode, () => void] {
  const [mode, setMode] = useState<Mode>(read);
  const toggle = (): void => {
    const next = mode === 'dark' ? 'light' : 'dark';
    setMode(next);
    try {
      localStorage.setItem(KEY, next);
    } catch {
      // Storage may be forbidden; the choice then lasts as long as the page.
    }
  };
  return [mode, toggle];
}

function read(): Mode {
  try {
    return localStorage.getItem(KEY) === 'light' ? 'light' : 'dark';
  } catch {
    return 'dark';
  }
}
