/** Farms and units that this person may see. They change rarely. */
import { useQuery, type UseQueryResult } from '@tanstack/react-query';
import { getUnit, listSites } from '../../api/endpoints';
import type { Site, Unit } from '../../api/types';

export function useSites(): UseQueryResult<Site[]> {
  return useQuery({
    queryKey: ['sites'],
    queryFn: ({ signal }) => listSites(signal),
    refetchInterval: 30_000,
  });
}

export function useUnit(id: number): UseQueryResult<Unit> {
  return useQuery({
    queryKey: ['unit', id],
    queryFn: ({ signal }) => getUnit(id, signal),
    refetchInterval: 60_000,
  });
}
