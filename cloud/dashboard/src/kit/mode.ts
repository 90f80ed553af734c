/** The mode of the page as React's state. */
import { useState } from 'react';
import { chosenMode, rememberMode } from './paint';
import type { Mode } from './tokens';

export function useMode(): [Mode, () => void] {
  const [mode, setMode] = useState<Mode>(chosenMode);
  const toggle = (): void => {
    const next = mode === 'dark' ? 'light' : 'dark';
    setMode(next);
    rememberMode(next);
  };
  return [mode, toggle];
}
