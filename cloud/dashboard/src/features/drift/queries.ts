/** How models keep up with what they see; it is judged once a day, so it is asked for seldom. */
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
  acceptDrift,
  driftAlerts,
  driftHours,
  driftSeries,
  type DriftAlert,
  type DriftAlertPage,
  type DriftHours,
  type DriftSeriesPage,
} from '../../api/drift';
import { paged } from '../../kit/paged';

const POLL_MS = 60_000;

export function useDriftAlerts(
  site: string,
  open: boolean,
): UseInfiniteQueryResult<InfiniteData<DriftAlertPage>> {
  return useInfiniteQuery(
    paged(['drift', 'alerts', site, open], POLL_MS, (cursor, signal) =>
      driftAlerts(site, open, cursor, signal),
    ),
  );
}

export function useDriftSeries(site: string): UseInfiniteQueryResult<InfiniteData<DriftSeriesPage>> {
  return useInfiniteQuery(
    paged(['drift', 'series', site], POLL_MS, (cursor, signal) => driftSeries(site, cursor, signal)),
  );
}

export function useDriftHours(unit: number, sha256: string): UseQueryResult<DriftHours> {
  return useQuery({
    queryKey: ['drift', 'hours', unit, sha256],
    queryFn: ({ signal }) => driftHours(unit, sha256, signal),
    refetchInterval: POLL_MS,
  });
}

export function useAcceptDrift(): UseMutationResult<DriftAlert, Error, string> {
  const client = useQueryClient();
  return useMutation({
    mutationFn: acceptDrift,
    onSettled: () => client.invalidateQueries({ queryKey: ['drift'] }),
  });
}
