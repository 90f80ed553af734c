/**
 * Entry point, and all that a person at a slow phone waits for: the login form, or the first picture of the wall. It has no React; that
 * is fetched meanwhile (`main.tsx`) and takes over when it is here.
 */
import './page.css';
import { arrive } from './features/auth/arrival';
import { onSession, presentSession } from './features/auth/session';
import { signInForm } from './features/auth/signInForm';
import { lookAt } from './features/farms/firstLook';
import { glance } from './features/farms/glance';
import { firstWords, loadLanguage, t } from './i18n';
import { make } from './kit/dom';
import { chosenMode, paint } from './kit/paint';

const found = document.getElementById('root');
if (found === null) throw new Error('index.html has no #root');
const root = found;

/** By so much the first look goes before the libraries. */
const HEAD_START_MS = 400;
const WAIT_FOR_LOOK_MS = 1_000;

// The first words are already in the reader's language, and in the colours that were chosen.
firstWords();
paint(chosenMode());
await arrive();
if (presentSession() !== null || window.location.pathname === '/join') void goOn();
else askToSignIn();

function askToSignIn(): void {
  root.replaceChildren(signInForm());
  root.querySelector('input')?.focus();
  const end = onSession(() => {
    if (presentSession() === null) return;
    end();
    if (window.location.pathname === '/login') window.history.replaceState(null, '', '/');
    void goOn();
  });
  // While somebody types; what is not here when they have signed in is told then.
  afterPaint(() => void rest().catch(() => undefined));
}

/** Everything else: the pages, and all words. */
async function rest(): Promise<typeof import('./main')> {
  const [main] = await Promise.all([import('./main'), loadLanguage()]);
  return main;
}

async function goOn(): Promise<void> {
  const look = lookAt(window.location.pathname);
  const words = loadLanguage();
  let here = false;
  void Promise.all([look, words]).then(([seen]) => {
    if (!here && seen !== null) root.replaceChildren(glance(seen, open));
  }, noWords);
  try {
    // Ten times as many bytes as the look: on one line it would come no sooner than they do.
    await Promise.race([look, after(HEAD_START_MS)]);
    const { mount } = await rest();
    // An answer that is on its way spares a page without values; a server that does not answer is told by React.
    const seen = await Promise.race([look, after(WAIT_FOR_LOOK_MS)]);
    here = true;
    if (presentSession() === null && window.location.pathname !== '/join') askToSignIn();
    else mount(root, seen);
  } catch {
    here = true;
    root.prepend(stopped());
  }
}

/** Without its words nothing is drawn; that they did not come is told with the rest. */
function noWords(): void {}

/** To a page that React will draw. */
function open(path: string): void {
  window.history.pushState(null, '', path);
}

/** The rest did not come: what is seen is not live, and must say so. */
function stopped(): HTMLElement {
  const again = make('button', { type: 'button', class: 'entrance-button' }, t('action.reload'));
  again.addEventListener('click', () => window.location.reload());
  const texts = [
    make('h1', {}, t('state.failed')),
    make('p', { class: 'entrance-text' }, t('error.no_answer')),
  ];
  return make('div', { class: 'entrance entrance-stopped', role: 'alert' }, make('div', {}, ...texts), again);
}

function after(ms: number): Promise<null> {
  return new Promise((done) => setTimeout(() => done(null), ms));
}

function afterPaint(run: () => void): void {
  requestAnimationFrame(() => setTimeout(run));
}
