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
import { paged } from '../../kit/paged';

const POLL_MS = 15_000;

export function useTasks(
  site: string,
  status: TaskStatus | null,
): UseInfiniteQueryResult<InfiniteData<LabelTaskPage>> {
  return useInfiniteQuery(
    paged(['labels', 'tasks', site, status], POLL_MS, (cursor, signal) =>
      labelTasks(site, status, cursor, signal),
    ),
  );
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
  return useInfiniteQuery(paged(['labels', 'datasets'], POLL_MS, listDatasets));
}

export function useFreeze(): UseMutationResult<DatasetVersion, Error, { name: string; note: string }> {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ name, note }) => freezeDataset(name, note),
    onSettled: () => client.invalidateQueries({ queryKey: ['labels'] }),
  });
}
