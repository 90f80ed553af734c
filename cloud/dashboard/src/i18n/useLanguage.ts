/** The language in a component, rendering again when it changes. */
import { useSyncExternalStore } from 'react';
import { onLanguage, presentLanguage, type Language } from './index';

export function useLanguage(): Language {
  return useSyncExternalStore(onLanguage, presentLanguage);
}
