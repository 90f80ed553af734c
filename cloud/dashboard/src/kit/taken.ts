/** What becomes of the cache when the server has taken an order. */
import type { QueryClient } from '@tanstack/react-query';

interface Taken<T> {
  readonly onSuccess: (one: T) => void;
  readonly onSettled: () => void;
}

/** Who sent it need not wait until every list under `key` has been asked again. */
export function taken<T extends { readonly id: string }>(client: QueryClient, key: string): Taken<T> {
  return {
    onSuccess: (one) => {
      client.setQueryData([key, 'one', one.id], one);
    },
    onSettled: () => void client.invalidateQueries({ queryKey: [key] }),
  };
}
