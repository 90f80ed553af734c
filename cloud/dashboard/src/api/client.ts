/**
 * Requests to the API: adds the token, bounds the wait, and turns every failure into an `ApiError` that says what to
 * do next. A 401 ends the session. Paths, parameters and answers are checked against the OpenAPI document when the
 * dashboard is compiled. Pages do not call `fetch` themselves.
 */
import createClient from 'openapi-fetch';
import { beginSession, endSession, presentSession } from '../features/auth/session';
import { t } from '../i18n';
import type { paths } from './schema';
import type { Login } from './types';

/** Longer than a slow farm link needs, short enough that a frozen server is noticed before values mislead. */
const TIMEOUT_MS = 6000;
/** A report of a year, or an export, is made while one waits. */
const FILE_TIMEOUT_MS = 120_000;

export type Failure = 'connection' | 'unauthorized' | 'forbidden' | 'not_found' | 'refused' | 'server';

/** What is wrong with one value of what was sent. */
export interface PlacedFault {
  readonly location: string;
  readonly message: string;
}

/** Why a request failed. `message` is fit to be shown. */
export class ApiError extends Error {
  constructor(
    readonly failure: Failure,
    message: string,
    readonly status: number | null = null,
    /** What is wrong at which place of what was sent, where the server tells. */
    readonly faults: readonly PlacedFault[] = [],
  ) {
    super(message);
    this.name = 'ApiError';
  }
}

export const api = createClient<paths>({ baseUrl: window.location.origin, fetch: send });

/** What openapi-fetch gives for one request. */
interface Outcome<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** The answer of a request, or an `ApiError`. */
export async function answerOf<T>(pending: Promise<Outcome<T>>): Promise<T> {
  const { data, error, response } = await pending;
  if (response.ok && data !== undefined) return data;
  throw problemOf(error, response.status);
}

/** An access token is renewed so long before it ends. */
const RENEW_BEFORE_MS = 30_000;
let renewing: Promise<void> | null = null;

/** The token for the next request, renewed when it is about to end; one renewal serves all who wait. */
export async function freshToken(): Promise<string | null> {
  const session = presentSession();
  if (session !== null && session.expiresAtMs - Date.now() < RENEW_BEFORE_MS) {
    renewing ??= refreshSession(session.refreshToken).finally(() => (renewing = null));
    await renewing;
  }
  return presentSession()?.token ?? null;
}

/** The next pair of tokens for a refresh token, which works once. */
export async function refreshSession(refreshToken: string): Promise<void> {
  let response: Response;
  let login: Login | null;
  try {
    response = await fetch('/api/v1/auth/refresh', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ refresh_token: refreshToken }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    login = response.ok ? ((await response.json()) as Login) : null;
  } catch {
    return; // The request itself will tell that the server is away.
  }
  if (login !== null) beginSession(login);
  else if (response.status === 401) endSession('expired');
}

/** Wait for a request whose success has no body. */
export async function doneOf(pending: Promise<Outcome<unknown>>): Promise<void> {
  const { error, response } = await pending;
  if (!response.ok) {
    throw new ApiError(failureOf(response.status), problemText(error, response.status), response.status);
  }
}

/** Fetch a file and hand it to the browser to keep, under the name that the server gives it. */
export async function download(path: string, fallbackName: string): Promise<void> {
  const { response, blob } = await fetchFile(path);
  const name = /filename="([^"]+)"/.exec(response.headers.get('content-disposition') ?? '')?.[1];
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name ?? fallbackName;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** A file as text, to show before it is kept. */
export async function fileText(path: string): Promise<string> {
  return (await fetchFile(path)).blob.text();
}

/** Send a form with a file; the answer comes when the server has looked at it. */
export async function upload<T>(path: string, form: FormData): Promise<T> {
  const token = await freshToken();
  let response: Response;
  try {
    response = await fetch(path, {
      method: 'POST',
      headers: { authorization: `Bearer ${token ?? ''}` },
      body: form,
      signal: AbortSignal.timeout(FILE_TIMEOUT_MS),
    });
  } catch {
    throw new ApiError('connection', t('error.no_answer'));
  }
  if (response.status === 401) endSession('expired');
  const answer: unknown = await response.json().catch(() => null);
  if (response.ok) return answer as T;
  throw new ApiError(failureOf(response.status), problemText(answer, response.status), response.status);
}

async function fetchFile(path: string): Promise<{ response: Response; blob: Blob }> {
  const token = await freshToken();
  let response: Response;
  try {
    response = await fetch(path, {
      headers: { authorization: `Bearer ${token ?? ''}` },
      signal: AbortSignal.timeout(FILE_TIMEOUT_MS),
    });
  } catch {
    throw new ApiError('connection', t('error.no_answer'));
  }
  if (!response.ok) {
    const problem: unknown = await response.json().catch(() => null);
    throw new ApiError(failureOf(response.status), problemText(problem, response.status), response.status);
  }
  return { response, blob: await response.blob() };
}

const WITHOUT_BODY = new Set([204, 205, 304]);

/** What somebody asks who is not signed in. */
const WITHOUT_TOKEN = /\/api\/v1\/auth\/(login|ways|register|password\/reset)$/;

async function send(request: Request): Promise<Response> {
  const token = WITHOUT_TOKEN.test(request.url) ? null : await freshToken();
  if (token !== null) request.headers.set('authorization', `Bearer ${token}`);
  const signal = AbortSignal.any([request.signal, AbortSignal.timeout(TIMEOUT_MS)]);
  let response: Response;
  try {
    response = await fetch(request, { signal });
    // Read here, within the timeout: a server can freeze between head and body.
    const body = await response.blob();
    // A Response of such a status refuses any body, an empty one too.
    response = new Response(WITHOUT_BODY.has(response.status) ? null : body, response);
  } catch (error) {
    if (request.signal.aborted) throw error;
    throw new ApiError('connection', t('error.no_answer'));
  }
  // Without a token it was a login, and a wrong password is not the end of a session.
  if (response.status === 401 && token !== null) endSession('expired');
  return response;
}

function failureOf(status: number): Failure {
  if (status === 401) return 'unauthorized';
  if (status === 403) return 'forbidden';
  if (status === 404) return 'not_found';
  // A proxy answers these when the server behind it is away.
  if (status === 502 || status === 503 || status === 504) return 'connection';
  return status < 500 ? 'refused' : 'server';
}

function problemOf(problem: unknown, status: number): ApiError {
  const errors = (problem as { errors?: readonly PlacedFault[] | null } | null)?.errors ?? [];
  return new ApiError(failureOf(status), problemText(problem, status), status, errors);
}

/** The human sentence of an RFC 9457 problem. */
function problemText(problem: unknown, status: number): string {
  if (typeof problem === 'object' && problem !== null) {
    const { detail, title } = problem as { detail?: unknown; title?: unknown };
    if (typeof detail === 'string' && detail !== '') return detail;
    if (typeof title === 'string' && title !== '') return title;
  }
  return t('error.status', { status });
}
