/** Pages below this need a session; without one the way leads to the login page and back. */
import type { JSX } from 'react';
import { Navigate, Outlet, useLocation } from 'react-router';
import { useSession } from './useSession';

export function RequireSession(): JSX.Element {
  const session = useSession();
  const location = useLocation();
  if (session === null) return <Navigate to="/login" replace state={{ from: location.pathname }} />;
  return <Outlet />;
}
