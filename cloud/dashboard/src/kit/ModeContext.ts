/** How any component switches between dark and light. */
import { createContext } from 'react';

export const ModeContext = createContext<() => void>(() => undefined);
