/** How the models of a farm do: the server looks every five minutes, and one request tells every unit. */
import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { modelHealth } from '../../api/endpoints';
import type { UnitModelHealth } from '../../api/types';

const POLL_MS = 60_000;

/** What was found of each unit with a camera, by its number; empty until the server tells, or when it has not looked. */
export function useModelHealth(site: string): ReadonlyMap<number, UnitModelHealth> {
  const { data } = useQuery({
    queryKey: ['model-health', site],
    queryFn: ({ signal }) => modelHealth(site, signal),
    refetchInterval: POLL_MS,
  });
  return useMemo(() => new Map((data ?? []).map((unit) => [unit.unit_id, unit])), [data]);
}
