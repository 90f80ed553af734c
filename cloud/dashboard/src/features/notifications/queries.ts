/** Who can be called. */
import { useQuery, type UseQueryResult } from '@tanstack/react-query';
import { listContacts } from '../../api/endpoints';
import type { Contact } from '../../api/types';

export function useContacts(): UseQueryResult<Contact[]> {
  return useQuery({
    queryKey: ['contacts'],
    queryFn: ({ signal }) => listContacts(signal),
    refetchInterval: 60_000,
  });
}
