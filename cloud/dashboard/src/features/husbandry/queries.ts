/** Batches, holdings and the diary of a farm. */
import { useQuery, type UseQueryResult } from '@tanstack/react-query';
import { holdings, listBatches, listRecords, liceStatus, withdrawals } from '../../api/endpoints';
import type { Batch, Holding, LiceStatus, RecordKind, RecordPage, Withdrawal } from '../../api/types';

const POLL_MS = 30_000;

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
