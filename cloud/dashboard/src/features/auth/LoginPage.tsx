/** The login form of the first script, for somebody whose session ends while the page is open. */
import { useCallback, type JSX } from 'react';
import { Navigate, useLocation } from 'react-router';
import { signInForm } from './signInForm';
import { useSession } from './useSession';

export function LoginPage(): JSX.Element {
  const session = useSession();
  const location = useLocation();
  const draw = useCallback((place: HTMLElement | null) => {
    if (place === null) return;
    place.replaceChildren(signInForm());
    place.querySelector('input')?.focus();
  }, []);
  if (session !== null) return <Navigate to={cameFrom(location.state)} replace />;
  return <div ref={draw} />;
}

/** The page that asked for a session, within this site only. */
function cameFrom(state: unknown): string {
  const from = (state as { from?: unknown } | null)?.from;
  return typeof from === 'string' && from.startsWith('/') && !from.startsWith('//') ? from : '/';
}
