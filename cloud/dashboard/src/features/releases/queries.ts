/** The repository of releases; people sign in their own time, so it is asked for seldom. */
import { useQuery, type UseQueryResult } from '@tanstack/react-query';
import { getRelease, listReleases } from '../../api/endpoints';
import type { ReleaseDetail, ReleaseRegistry } from '../../api/types';

const POLL_MS = 15_000;

export function useReleases(): UseQueryResult<ReleaseRegistry> {
  return useQuery({
    queryKey: ['releases', 'all'],
    queryFn: ({ signal }) => listReleases(signal),
    refetchInterval: POLL_MS,
  });
}

export function useRelease(model: string, version: string): UseQueryResult<ReleaseDetail> {
  return useQuery({
    queryKey: ['releases', 'one', model, version],
    queryFn: ({ signal }) => getRelease(model, version, signal),
    refetchInterval: POLL_MS,
  });
}
