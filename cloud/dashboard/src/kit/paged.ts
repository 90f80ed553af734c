/** How a list that comes in pages is asked for: page after page by cursor, and anew every while. */

interface Page {
  readonly next_cursor?: string | null;
}

interface Paged<T> {
  readonly queryKey: readonly unknown[];
  readonly queryFn: (asked: { pageParam: string | null; signal: AbortSignal }) => Promise<T>;
  readonly initialPageParam: string | null;
  readonly getNextPageParam: (last: T) => string | null | undefined;
  readonly refetchInterval: number;
}

/** Options of `useInfiniteQuery` for a list under `queryKey`, asked for again every `everyMs` milliseconds. */
export function paged<T extends Page>(
  queryKey: readonly unknown[],
  everyMs: number,
  page: (cursor: string | null, signal: AbortSignal) => Promise<T>,
): Paged<T> {
  return {
    queryKey,
    queryFn: ({ pageParam, signal }) => page(pageParam, signal),
    initialPageParam: null,
    getNextPageParam: (last) => last.next_cursor,
    refetchInterval: everyMs,
  };
}
