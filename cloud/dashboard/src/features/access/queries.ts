/** Every change of who may do what stands in the audit log at once. */
import { useQueryClient } from '@tanstack/react-query';

/** To be called when a change has ended, well or not: the list and the audit log are asked for again. */
export function useAskAgain(list: string): () => Promise<void> {
  const client = useQueryClient();
  return async () => {
    await Promise.all([list, 'audit'].map((key) => client.invalidateQueries({ queryKey: [key] })));
  };
}
