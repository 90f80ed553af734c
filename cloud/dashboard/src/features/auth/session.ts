/**
 * Who is signed in. The token lives in memory and in `sessionStorage`: it survives a reload of this tab and nothing
 * more. No request is made here, and no React is needed: the first script reads it, too.
 */
import type { Login, User } from '../../api/types';

export interface Session {
  readonly token: string;
  readonly user: User;
  readonly expiresAtMs: number;
  /** Works once, for the next pair of tokens. */
  readonly refreshToken: string;
  readonly refreshUntilMs: number;
}

export type EndReason = 'signed_out' | 'expired';

const KEY = 'shoal.session';
const listeners = new Set<() => void>();
let current: Session | null = restore();
let ended: EndReason | null = null;

/** Begin a session, or go on with it, with what the server answered. */
export function beginSession(login: Login): void {
  current = {
    token: login.access_token,
    user: login.user,
    expiresAtMs: Date.now() + login.expires_in * 1000,
    refreshToken: login.refresh_token,
    refreshUntilMs: Date.now() + login.refresh_expires_in * 1000,
  };
  ended = null;
  keep(current);
  announce();
}

/** Forget the token; the login page says why when the session was not ended on purpose. */
export function endSession(reason: EndReason): void {
  if (current === null) return;
  current = null;
  ended = reason;
  keep(null);
  announce();
}

/** The session now, for code that is no component. */
export function presentSession(): Session | null {
  return current;
}

/** Why there is no session, for the login page. */
export function lastEnd(): EndReason | null {
  return ended;
}

/** Be told when a session begins or ends; the answer ends that. */
export function onSession(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function announce(): void {
  for (const listener of listeners) listener();
}

function restore(): Session | null {
  try {
    const session = JSON.parse(sessionStorage.getItem(KEY) ?? 'null') as Session | null;
    return session !== null && Math.max(session.expiresAtMs, session.refreshUntilMs) > Date.now()
      ? session
      : null;
  } catch {
    return null;
  }
}

function keep(session: Session | null): void {
  try {
    if (session === null) sessionStorage.removeItem(KEY);
    else sessionStorage.setItem(KEY, JSON.stringify(session));
  } catch {
    // Storage may be forbidden; the session then ends with the page.
  }
}
