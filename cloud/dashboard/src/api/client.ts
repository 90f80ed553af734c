/**
 * Requests to the API: adds the token, bounds the wait, and turns every failure into an `ApiError` that says what to
 * do next. A 401 ends the session. Pages do not call `fetch` themselves.
 */
import { endSession, sessionToken } from '../features/auth/session';

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

interface Options {
  method?: 'GET' | 'POST';
  body?: URLSearchParams;
  signal?: AbortSignal;
  /** Login answers 401 for a wrong password, which is not the end of a session. */
  anonymous?: boolean;
}

/** Send one request; the answer's shape is the caller's claim, checked against the OpenAPI types at compile time. */
export async function request<T>(path: string, options: Options = {}): Promise<T> {
  const { method = 'GET', body, anonymous = false } = options;
  const token = anonymous ? null : sessionToken();
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  const signal = options.signal ? AbortSignal.any([options.signal, timeout]) : timeout;
  const headers: Record<string, string> = { accept: 'application/json' };
  if (token !== null) headers['authorization'] = `Bearer ${token}`;
  let response: Response;
  let payload: unknown;
  try {
    response = await fetch(path, { method, headers, signal, ...(body === undefined ? {} : { body }) });
    payload = await readJson(response);
  } catch (error) {
    if (options.signal?.aborted === true) throw error;
    throw new ApiError('connection', 'The farm server does not answer.');
  }
  if (response.ok) return payload as T;
  if (response.status === 401 && !anonymous) endSession('expired');
  throw new ApiError(failureOf(response.status), problemText(payload, response.status), response.status);
}

function failureOf(status: number): Failure {
  if (status === 401) return 'unauthorized';
  if (status === 403) return 'forbidden';
  if (status === 404) return 'not_found';
  // A proxy answers these when the server behind it is away.
  if (status === 502 || status === 503 || status === 504) return 'connection';
  return status < 500 ? 'refused' : 'server';
}

async function readJson(response: Response): Promise<unknown> {
  const text = await response.text();
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}

/** The human sentence of an RFC 9457 problem. */
function problemText(payload: unknown, status: number): string {
  if (typeof payload === 'object' && payload !== null) {
    const { detail, title } = payload as { detail?: unknown; title?: unknown };
    if (typeof detail === 'string' && detail !== '') return detail;
    if (typeof title === 'string' && title !== '') return title;
  }
  return `The farm server answered ${status}.`;
}
