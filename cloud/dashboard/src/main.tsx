/** Entry point: mounts the dashboard. */
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app';
import { arrive } from './features/auth/arrival';
import { loadLanguage } from './i18n';

const root = document.getElementById('root');
if (root === null) throw new Error('index.html has no #root');
// Pages and records also work without a network; browsers without service workers just need one.
if (import.meta.env.PROD && 'serviceWorker' in navigator)
  void navigator.serviceWorker.register('/sw.js').catch(() => undefined);

// The first words are already in the reader's language.
await Promise.all([loadLanguage(), arrive()]);
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
