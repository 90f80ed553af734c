/** Rollouts of the fleet; the controller decides every few seconds, and so often they are asked for. */
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
import {
  approveRollout,
  askRollout,
  getRollout,
  listRollouts,
  orderRollout,
  rolloutDecisions,
  rolloutDevices,
  samplePairs,
} from '../../api/endpoints';
import type {
  DecisionPage,
  NewRollout,
  RolloutDevicePage,
  RolloutPage,
  RolloutView,
  SamplePair,
} from '../../api/types';
import { paged } from '../../kit/paged';
import { taken } from '../../kit/taken';
import type { Wish } from './rules';

const POLL_MS = 5_000;

export function useRollouts(): UseInfiniteQueryResult<InfiniteData<RolloutPage>> {
  return useInfiniteQuery(paged(['rollouts', 'list'], POLL_MS, listRollouts));
}

export function useRollout(id: string): UseQueryResult<RolloutView> {
  return useQuery({
    queryKey: ['rollouts', 'one', id],
    queryFn: ({ signal }) => getRollout(id, signal),
    refetchInterval: POLL_MS,
  });
}

export function useRolloutDevices(id: string): UseInfiniteQueryResult<InfiniteData<RolloutDevicePage>> {
  return useInfiniteQuery(
    paged(['rollouts', 'devices', id], POLL_MS, (cursor, signal) => rolloutDevices(id, cursor, signal)),
  );
}

export function useDecisions(id: string): UseInfiniteQueryResult<InfiniteData<DecisionPage>> {
  return useInfiniteQuery(
    paged(['rollouts', 'decisions', id], POLL_MS, (cursor, signal) => rolloutDecisions(id, cursor, signal)),
  );
}

export function useAsk(): UseMutationResult<RolloutView, Error, NewRollout> {
  return useMutation({ mutationFn: askRollout, ...taken(useQueryClient(), 'rollouts') });
}

export interface Ordering {
  readonly id: string;
  readonly kind: Wish;
  readonly reason: string;
}

export function useOrder(): UseMutationResult<RolloutView, Error, Ordering> {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ id, kind, reason }) =>
      kind === 'approve' ? approveRollout(id, reason) : orderRollout(id, kind, reason),
    ...taken(client, 'rollouts'),
  });
}

/** Boxes send them when their link is idle, so they are asked for seldom. */
export function useSamplePairs(model: string, version: string): UseQueryResult<SamplePair[]> {
  return useQuery({
    queryKey: ['rollouts', 'pairs', model, version],
    queryFn: ({ signal }) => samplePairs(model, version, signal),
    refetchInterval: 60_000,
  });
}
