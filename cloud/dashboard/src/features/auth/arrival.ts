/** Coming back from the identity provider: the address carries a refresh token that works once, in the part that no server sees. */
import { refreshSession } from '../../api/client';

/** Use it and take it out of the address; whatever goes wrong, the login page follows. */
export async function arrive(): Promise<void> {
  const token = new URLSearchParams(window.location.hash.slice(1)).get('refresh_token');
  if (token === null) return;
  window.history.replaceState(null, '', window.location.pathname);
  await refreshSession(token);
}
