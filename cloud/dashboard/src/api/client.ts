/**
 * Requests to the API: adds the token, bounds the wait, and turns every failure into an `ApiError` that says what to
 * do next. A 401 ends the session. Paths, parameters and answers are checked against the OpenAPI document when the
 * dashboard is compiled. Pages do not call `fetch` themselves.
 */
import createClient from 'openapi-fetch';
import { endSession, sessionToken } from '../features/auth/session';
import { t } from '../i18n';
import type { paths } from './schema';

/** Longer than a slow farm link needs, short enough that a frozen server is noticed before values mislead. */
const TIMEOUT_MS = 6000;

export type Failure = 'connection' | 'unauthorized' | 'forbidden' | 'not_found' | 'refused' | 'server';

/** Why a request failed. `message` is fit to be shown. */
export class ApiError extends Error {
  constructor(
    readonly failure: Failure,
    message: string,
    readonly status: number | null = null,
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
  throw new ApiError(failureOf(response.status), problemText(error, response.status), response.status);
}

async function send(request: Request): Promise<Response> {
  const token = sessionToken();
  if (token !== null) request.headers.set('authorization', `Bearer ${token}`);
  const signal = AbortSignal.any([request.signal, AbortSignal.timeout(TIMEOUT_MS)]);
  let response: Response;
  try {
    response = await fetch(request, { signal });
    // Read here, within the timeout: a server can freeze between head and body.
    response = new Response(await response.blob(), response);
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

/** The human sentence of an RFC 9457 problem. */
function problemText(problem: unknown, status: number): string {
  if (typeof problem === 'object' && problem !== null) {
    const { detail, title } = problem as { detail?: unknown; title?: unknown };
    if (typeof detail === 'string' && detail !== '') return detail;
    if (typeof title === 'string' && title !== '') return title;
  }
  return t('error.status', { status });
}
