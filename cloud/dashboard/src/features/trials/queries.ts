/** Trials of a release in some tanks; the controller looks after them every few seconds, heartbeats come every minute. */
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
  adoptTrial,
  approveTrial,
  askTrial,
  compareTrial,
  endTrial,
  getTrial,
  listTrials,
  trialBoxes,
} from '../../api/endpoints';
import type { NewTrial, RolloutView, Trial, TrialBoxPage, TrialComparison, TrialPage } from '../../api/types';
import { paged } from '../../kit/paged';
import { taken } from '../../kit/taken';

const POLL_MS = 5_000;

export function useTrials(): UseInfiniteQueryResult<InfiniteData<TrialPage>> {
  return useInfiniteQuery(paged(['trials', 'list'], POLL_MS, listTrials));
}

export function useTrial(id: string): UseQueryResult<Trial> {
  return useQuery({
    queryKey: ['trials', 'one', id],
    queryFn: ({ signal }) => getTrial(id, signal),
    refetchInterval: POLL_MS,
  });
}

export function useTrialBoxes(id: string): UseInfiniteQueryResult<InfiniteData<TrialBoxPage>> {
  return useInfiniteQuery(
    paged(['trials', 'boxes', id], POLL_MS, (cursor, signal) => trialBoxes(id, cursor, signal)),
  );
}

/** Whole hours are compared, so it is asked for seldom. */
export function useComparison(id: string): UseQueryResult<TrialComparison> {
  return useQuery({
    queryKey: ['trials', 'comparison', id],
    queryFn: ({ signal }) => compareTrial(id, signal),
    refetchInterval: 60_000,
  });
}

export function useAskTrial(): UseMutationResult<Trial, Error, NewTrial> {
  return useMutation({ mutationFn: askTrial, ...taken(useQueryClient(), 'trials') });
}

export interface Word {
  readonly id: string;
  readonly reason: string;
}

export function useApproveTrial(): UseMutationResult<Trial, Error, Word> {
  return useMutation({
    mutationFn: ({ id, reason }) => approveTrial(id, reason),
    ...taken(useQueryClient(), 'trials'),
  });
}

export function useEndTrial(): UseMutationResult<Trial, Error, Word> {
  return useMutation({
    mutationFn: ({ id, reason }) => endTrial(id, reason),
    ...taken(useQueryClient(), 'trials'),
  });
}

export function useAdoptTrial(): UseMutationResult<
  RolloutView,
  Error,
  { id: string; backTo: string | null }
> {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ id, backTo }) => adoptTrial(id, backTo),
    onSettled: () => void client.invalidateQueries({ queryKey: ['rollouts'] }),
  });
}
