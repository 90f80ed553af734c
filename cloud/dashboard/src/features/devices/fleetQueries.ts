/** Boxes of one farm or of all of them; they tell of themselves every 30 s. */
import { useQuery, type UseQueryResult } from '@tanstack/react-query';
import { deviceHealth, deviceStandings, listDeviceGroups } from '../../api/endpoints';
import type { DeviceGroup, DeviceHealth, DeviceStanding } from '../../api/types';

const POLL_MS = 15_000;

/** `site` null stands for all farms. */
export function useHealth(site: string | null): UseQueryResult<DeviceHealth[]> {
  return useQuery({
    queryKey: ['devices', 'health', site],
    queryFn: ({ signal }) => deviceHealth(site, signal),
    refetchInterval: POLL_MS,
  });
}

export function useStandings(site: string | null): UseQueryResult<DeviceStanding[]> {
  return useQuery({
    queryKey: ['devices', 'standings', site],
    queryFn: ({ signal }) => deviceStandings(site, signal),
    refetchInterval: POLL_MS,
  });
}

export function useGroups(): UseQueryResult<DeviceGroup[]> {
  return useQuery({
    queryKey: ['devices', 'groups'],
    queryFn: ({ signal }) => listDeviceGroups(signal),
    refetchInterval: POLL_MS,
  });
}
