/** The label queue; what others do to it is asked for now and then, what one does oneself at once. */
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
  freezeDataset,
  labelProgress,
  labelSettings,
  labelTask,
  labelTasks,
  listDatasets,
  reviewTask,
  setLabelSettings,
  type DatasetPage,
  type DatasetVersion,
  type Decision,
  type LabelProgress,
  type LabelSettings,
  type LabelTaskDetail,
  type LabelTaskPage,
  type TaskStatus,
} from '../../api/labels';

const POLL_MS = 15_000;

export function useTasks(
  site: string,
  status: TaskStatus | null,
): UseInfiniteQueryResult<InfiniteData<LabelTaskPage>> {
  return useInfiniteQuery({
    queryKey: ['labels', 'tasks', site, status],
    queryFn: ({ pageParam, signal }: { pageParam: string | null; signal: AbortSignal }) =>
      labelTasks(site, status, pageParam, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next_cursor,
    refetchInterval: POLL_MS,
  });
}

export function useTask(id: string | null): UseQueryResult<LabelTaskDetail> {
  return useQuery({
    queryKey: ['labels', 'task', id],
    queryFn: ({ signal }) => labelTask(id ?? '', signal),
    enabled: id !== null,
  });
}

export function useProgress(): UseQueryResult<LabelProgress> {
  return useQuery({
    queryKey: ['labels', 'progress'],
    queryFn: ({ signal }) => labelProgress(signal),
    refetchInterval: POLL_MS,
  });
}

export function useLabelSettings(): UseQueryResult<LabelSettings> {
  return useQuery({ queryKey: ['labels', 'settings'], queryFn: ({ signal }) => labelSettings(signal) });
}

export function useSetLabelSettings(): UseMutationResult<LabelSettings, Error, LabelSettings> {
  const client = useQueryClient();
  return useMutation({
    mutationFn: setLabelSettings,
    onSettled: () => client.invalidateQueries({ queryKey: ['labels'] }),
  });
}

export interface Reviewed {
  readonly id: string;
  readonly decision: Decision;
  readonly labelId: string | null;
  readonly note: string;
}

export function useReview(): UseMutationResult<LabelTaskDetail, Error, Reviewed> {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ id, decision, labelId, note }) => reviewTask(id, decision, labelId, note),
    onSettled: () => client.invalidateQueries({ queryKey: ['labels'] }),
  });
}

export function useDatasets(): UseInfiniteQueryResult<InfiniteData<DatasetPage>> {
  return useInfiniteQuery({
    queryKey: ['labels', 'datasets'],
    queryFn: ({ pageParam, signal }: { pageParam: string | null; signal: AbortSignal }) =>
      listDatasets(pageParam, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next_cursor,
    refetchInterval: POLL_MS,
  });
}

export function useFreeze(): UseMutationResult<DatasetVersion, Error, { name: string; note: string }> {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ name, note }) => freezeDataset(name, note),
    onSettled: () => client.invalidateQueries({ queryKey: ['labels'] }),
  });
}
