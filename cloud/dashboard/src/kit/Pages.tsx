/** A list that comes in pages: its rows and the way to older ones, or the state that stands in their place. */
import Button from '@mui/material/Button';
import type { InfiniteData } from '@tanstack/react-query';
import type { JSX, ReactNode } from 'react';
import { t } from '../i18n';
import { Answer, type Query } from './Answer';

interface PagedQuery<T> extends Query<InfiniteData<{ readonly items: readonly T[] }>> {
  readonly hasNextPage: boolean;
  readonly isFetchingNextPage: boolean;
  readonly fetchNextPage: () => unknown;
}

interface Props<T> {
  query: PagedQuery<T>;
  /** Said instead of the rows when there is none. */
  empty: { title: string; text?: string };
  /** Rows of all pages that came so far, and a button that asks for the next page where there is one. */
  children: (rows: readonly T[], older: ReactNode) => ReactNode;
}

export function Pages<T>({ query, empty, children }: Props<T>): JSX.Element {
  return (
    <Answer
      query={query}
      empty={{ when: (data) => data.pages.every((page) => page.items.length === 0), ...empty }}
    >
      {(data) =>
        children(
          data.pages.flatMap((page) => page.items),
          query.hasNextPage && (
            <Button disabled={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
              {t('action.older')}
            </Button>
          ),
        )
      }
    </Answer>
  );
}
