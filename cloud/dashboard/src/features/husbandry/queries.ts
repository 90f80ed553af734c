/** Batches, holdings and the diary of a farm. */
import { useMemo } from 'react';
import { useQuery, type UseQueryResult } from '@tanstack/react-query';
import { holdings, listBatches, listRecords, liceStatus, withdrawals } from '../../api/endpoints';
import type {
  Batch,
  Holding,
  LiceStatus,
  Recorded,
  RecordKind,
  RecordPage,
  Withdrawal,
} from '../../api/types';
import { dayOf, type UnitDay } from './today';

const POLL_MS = 30_000;
const MAX_PAGES = 10;

export function useHoldings(site: string): UseQueryResult<Holding[]> {
  return useQuery({
    queryKey: ['husbandry', 'holdings', site],
    queryFn: ({ signal }) => holdings(site, signal),
    refetchInterval: POLL_MS,
  });
}

export function useBatches(): UseQueryResult<Batch[]> {
  return useQuery({
    queryKey: ['husbandry', 'batches'],
    queryFn: ({ signal }) => listBatches(signal),
    refetchInterval: POLL_MS,
  });
}

export function useRecords(site: string, kind: RecordKind | null): UseQueryResult<RecordPage> {
  return useQuery({
    queryKey: ['husbandry', 'records', site, kind],
    queryFn: ({ signal }) => listRecords(site, { limit: 100, ...(kind === null ? {} : { kind }) }, signal),
    refetchInterval: POLL_MS,
  });
}

/** Records of one kind since a moment, all of them: a day of a large farm has some hundreds. */
function useSince(site: string, kind: RecordKind, startMs: number): UseQueryResult<Recorded[]> {
  return useQuery({
    queryKey: ['husbandry', 'since', site, kind, startMs],
    queryFn: async ({ signal }) => {
      const found: Recorded[] = [];
      const start = new Date(startMs).toISOString();
      let cursor: string | null = null;
      for (let page = 0; page < MAX_PAGES; page += 1) {
        const asked = { kind, start, limit: 200, ...(cursor === null ? {} : { cursor }) };
        const answer: RecordPage = await listRecords(site, asked, signal);
        found.push(...answer.items);
        cursor = answer.next_cursor ?? null;
        if (cursor === null) break;
      }
      return found;
    },
    refetchInterval: POLL_MS,
  });
}

/** What every unit of a farm holds, was fed and lost today; null until it is known. */
export function useToday(site: string, dayMs: number): ReadonlyMap<string, UnitDay> | null {
  const stock = useHoldings(site).data;
  const fed = useSince(site, 'feeding', dayMs).data;
  const dead = useSince(site, 'mortality', dayMs).data;
  return useMemo(
    () => (stock === undefined || fed === undefined || dead === undefined ? null : dayOf(stock, fed, dead)),
    [stock, fed, dead],
  );
}

export function useWithdrawals(site: string): UseQueryResult<Withdrawal[]> {
  return useQuery({
    queryKey: ['husbandry', 'withdrawals', site],
    queryFn: ({ signal }) => withdrawals(site, signal),
    refetchInterval: POLL_MS,
  });
}

export function useLice(site: string): UseQueryResult<LiceStatus[]> {
  return useQuery({
    queryKey: ['husbandry', 'lice', site],
    queryFn: ({ signal }) => liceStatus(site, signal),
    refetchInterval: POLL_MS,
  });
}
