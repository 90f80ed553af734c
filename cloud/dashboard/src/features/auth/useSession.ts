/** The session in a component, rendering again when it begins or ends. */
import { useSyncExternalStore } from 'react';
import { onSession, presentSession, type Session } from './session';

export function useSession(): Session | null {
  return useSyncExternalStore(onSession, presentSession);
}
