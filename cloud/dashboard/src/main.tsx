/** React's part: draws the dashboard in the place of what the first script has drawn. */
import { StrictMode, startTransition, useEffect, type JSX } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app';
import type { FirstLook } from './features/farms/firstLook';
import { seed } from './queryClient';

/** Installing fetches every page: the first look needs the line more. */
const INSTALL_AFTER_MS = 3_000;

/** Draw the dashboard; `look` is what of a farm is known already. */
export function mount(root: HTMLElement, look: FirstLook | null): void {
  if (look !== null) seed(look);
  // In slices, so that the first picture can be used until this one is there.
  startTransition(() => createRoot(root).render(<Whole />));
  // Pages and records also work without a network; browsers without service workers just need one.
  if (import.meta.env.PROD && 'serviceWorker' in navigator)
    setTimeout(
      () => void navigator.serviceWorker.register('/sw.js').catch(() => undefined),
      INSTALL_AFTER_MS,
    );
}

function Whole(): JSX.Element {
  useEffect(() => {
    // A tile of the first picture may have been tapped while this was being drawn.
    window.dispatchEvent(new PopStateEvent('popstate'));
  }, []);
  return (
    <StrictMode>
      <App />
    </StrictMode>
  );
}
