/** Farms and units that this person may see. They change rarely. */
import { useQuery, type UseQueryResult } from '@tanstack/react-query';
import { getUnit, listSites } from '../../api/endpoints';
import type { Site, Unit } from '../../api/types';

/** Until the first answer a page can show nothing, so it asks often. */
const RETRY_MS = 3_000;

export function useSites(): UseQueryResult<Site[]> {
  return useQuery({
    queryKey: ['sites'],
    queryFn: ({ signal }) => listSites(signal),
    refetchInterval: (query) => (query.state.data === undefined ? RETRY_MS : 30_000),
  });
}

export function useUnit(id: number): UseQueryResult<Unit> {
  return useQuery({
    queryKey: ['unit', id],
    queryFn: ({ signal }) => getUnit(id, signal),
    refetchInterval: (query) => (query.state.data === undefined ? RETRY_MS : 60_000),
  });
}
