/** Dead letters, and orders about them, which the ingest works on within seconds. */
import {
  useInfiniteQuery,
  useMutation,
  useQuery,
  useQueryClient,
  type InfiniteData,
  type UseInfiniteQueryResult,
  type UseMutationResult,
  type UseQueryResult,
} from '@tanstack/react-query';
import { deadLetterOrder, deadLetterReasons, deadLetters, orderDeadLetters } from '../../api/endpoints';
import type {
  DeadLetterOrder,
  DeadLetterPage,
  DeadLetterReasons,
  LetterAction,
  LetterChoice,
  LetterState,
} from '../../api/types';
import { paged } from '../../kit/paged';

const POLL_MS = 30_000;
const WAITING_POLL_MS = 1_000;
const KEY = 'dead letters';

export function useLetters(state: LetterState): UseInfiniteQueryResult<InfiniteData<DeadLetterPage>> {
  return useInfiniteQuery(
    paged([KEY, 'list', state], POLL_MS, (cursor, signal) => deadLetters(state, cursor, signal)),
  );
}

export function useReasons(): UseQueryResult<DeadLetterReasons> {
  return useQuery({
    queryKey: [KEY, 'reasons'],
    queryFn: ({ signal }) => deadLetterReasons(signal),
    refetchInterval: POLL_MS,
  });
}

export interface Ordering {
  readonly action: LetterAction;
  readonly choice: LetterChoice;
  readonly why: string;
}

export function useLetterOrder(): UseMutationResult<DeadLetterOrder, Error, Ordering> {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ action, choice, why }: Ordering) => orderDeadLetters(action, choice, why),
    onSettled: () => client.invalidateQueries({ queryKey: [KEY] }),
  });
}

/** An order until it is done; then the lists are asked for again. */
export function useOrderProgress(order: DeadLetterOrder): UseQueryResult<DeadLetterOrder> {
  const client = useQueryClient();
  return useQuery({
    queryKey: ['dead letter order', order.id],
    queryFn: async ({ signal }) => {
      const now = await deadLetterOrder(order.id, signal);
      if (now.status === 'done') await client.invalidateQueries({ queryKey: [KEY] });
      return now;
    },
    initialData: order,
    refetchInterval: ({ state }) => (state.data?.status === 'done' ? false : WAITING_POLL_MS),
  });
}
