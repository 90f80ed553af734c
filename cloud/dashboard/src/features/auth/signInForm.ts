/**
 * Sign in with email and password, or by way of the identity provider where there is one. Drawn without React, because a person at a
 * slow phone waits for nothing else: the first script draws it, and the page that React shows after a session has ended is the same.
 * Who it signs in is told by `session.ts`.
 */
import './entrance.css';
import { ApiError } from '../../api/client';
import { login, signInWays } from '../../api/first';
import { t } from '../../i18n';
import { drawing, make } from '../../kit/dom';
import { MARK, MARK_VIEW } from '../../kit/mark';
import { beginSession, lastEnd } from './session';

export function signInForm(): HTMLElement {
  const email = make('input', {
    id: 'sign-in-email',
    type: 'email',
    name: 'email',
    autocomplete: 'username',
    autocapitalize: 'none',
    spellcheck: 'false',
    required: true,
  });
  const password = make('input', {
    id: 'sign-in-password',
    type: 'password',
    name: 'password',
    autocomplete: 'current-password',
    required: true,
  });
  const note = make('p', { class: 'entrance-note', role: 'alert', hidden: true });
  const submit = make('button', { type: 'submit', class: 'entrance-button' }, t('login.sign_in'));
  const form = make(
    'form',
    { class: 'entrance-form' },
    make(
      'div',
      { class: 'entrance-mark' },
      drawing(MARK_VIEW, MARK, { class: 'entrance-fish' }),
      make('span', {}, 'Shoal'),
    ),
    make('div', {}, make('h1', {}, t('login.title')), make('p', { class: 'entrance-text' }, t('login.text'))),
    note,
    field(t('login.email'), email),
    field(t('login.password'), password),
    submit,
  );
  const tell = (text: string, kind: 'info' | 'error'): void => {
    note.textContent = text;
    note.dataset['kind'] = kind;
    note.hidden = false;
  };
  const sending = (now: boolean): void => {
    submit.disabled = now;
    submit.textContent = now ? t('login.signing_in') : t('login.sign_in');
  };
  const signIn = async (): Promise<void> => {
    sending(true);
    note.hidden = true;
    try {
      // The button stays as it is: what follows takes the place of this form.
      beginSession(await login(email.value.trim(), password.value));
    } catch (error) {
      tell(whyNot(error), 'error');
      sending(false);
    }
  };
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void signIn();
  });
  if (lastEnd() === 'expired') tell(t('login.expired'), 'info');
  void offerProvider(form);
  return make('main', { class: 'entrance' }, form);
}

function field(label: string, input: HTMLInputElement): HTMLElement {
  return make('div', { class: 'entrance-field' }, make('label', { for: input.id }, label), input);
}

/** The way by the identity provider, where the server has one. */
async function offerProvider(form: HTMLFormElement): Promise<void> {
  try {
    const ways = await signInWays(new AbortController().signal);
    if (!ways.identity_provider) return;
  } catch {
    return; // Email and password are told when they do not go through.
  }
  const href = '/api/v1/auth/oidc/start';
  form.append(make('a', { class: 'entrance-button entrance-other', href }, t('login.identity_provider')));
}

function whyNot(error: unknown): string {
  if (error instanceof ApiError) {
    if (error.failure === 'unauthorized' || error.status === 400) return t('login.wrong');
    if (error.failure === 'connection') return t('login.no_answer');
  }
  return error instanceof Error ? error.message : String(error);
}
