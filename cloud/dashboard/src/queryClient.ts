/** The cache of what the API answered. */
import { QueryClient } from '@tanstack/react-query';
import { onSession, presentSession } from './features/auth/session';
import type { FirstLook } from './features/farms/firstLook';

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      // Every query polls, so a failure is retried by the next poll and shown at once.
      retry: false,
      // The farm server may be on the local network: the browser's idea of "online" says nothing about it.
      networkMode: 'always',
      refetchOnWindowFocus: 'always',
      refetchIntervalInBackground: false,
    },
    mutations: { retry: false, networkMode: 'always' },
  },
});

let reader = presentSession()?.user.id;
onSession(() => {
  const next = presentSession()?.user.id;
  // Whose session has ended finds the page as it was; nobody else may see a glimpse of it.
  if (next === undefined || next === reader) return;
  reader = next;
  queryClient.clear();
});

/** What was asked before React was here. */
export function seed({ sites, latest, receivedAt, alarms }: FirstLook): void {
  const site = latest.site.slug;
  queryClient.setQueryData(['sites'], sites);
  queryClient.setQueryData(['latest', site], { latest, receivedAt });
  queryClient.setQueryData(['alarms', site], { alarms, receivedAt });
}
