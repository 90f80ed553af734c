/** Alarms of a farm, what happened to them, and what a person can do to them here. */
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
  acknowledgeAlarm,
  alarmAssignees,
  alarmHistory,
  alarmMessages,
  alarmPerformance,
  alarmRationales,
  assignAlarm,
  closedAlarms,
  openAlarms,
  shelveAlarm,
  siteLadders,
  unshelveAlarm,
} from '../../api/endpoints';
import type {
  Alarm,
  AlarmPage,
  AlarmPerformance,
  AlarmStep,
  Assignee,
  Notification,
  Rationale,
  ShownLadders,
} from '../../api/types';
import { moment, type Moment } from '../../kit/clock';
import { paged } from '../../kit/paged';
import { liveAlarms, rememberAlarm, usePush } from '../live/feed';

const POLL_MS = 2000;
const NONE: readonly Alarm[] = [];

export interface OpenAlarms {
  readonly alarms: readonly Alarm[];
  readonly known: boolean;
  readonly error: unknown;
  readonly receivedAt: Moment | null;
}

interface Answer {
  alarms: readonly Alarm[];
  receivedAt: Moment;
}

export function useOpenAlarms(site: string | undefined): OpenAlarms {
  const pushed = usePush() === 'speaking';
  const query = useQuery({
    queryKey: ['alarms', site],
    queryFn: async ({ signal }): Promise<Answer> => {
      const slug = site ?? '';
      const known = liveAlarms(slug);
      if (known !== null) return known;
      const alarms = await openAlarms(slug, signal);
      return liveAlarms(slug) ?? { alarms, receivedAt: moment() };
    },
    enabled: site !== undefined,
    refetchInterval: (answered) => (pushed && answered.state.data !== undefined ? false : POLL_MS),
  });
  return {
    alarms: query.data?.alarms ?? NONE,
    known: query.data !== undefined,
    error: query.error,
    receivedAt: query.data?.receivedAt ?? null,
  };
}

/** Change one alarm. Nothing is shown as done before the server has said so. */
function useChange<V extends { alarm: Alarm }>(
  change: (values: V) => Promise<Alarm>,
): UseMutationResult<Alarm, Error, V> {
  const client = useQueryClient();
  return useMutation({
    mutationFn: change,
    onSuccess: (answered) => {
      rememberAlarm(answered);
      client.setQueriesData<Answer>({ queryKey: ['alarms'] }, (old) =>
        old === undefined ? old : { ...old, alarms: withAnswer(old.alarms, answered) },
      );
    },
    onSettled: async () => {
      await client.invalidateQueries({ queryKey: ['alarms'] });
      await client.invalidateQueries({ queryKey: ['alarm'] });
    },
  });
}

export function useAcknowledge(): UseMutationResult<Alarm, Error, { alarm: Alarm }> {
  return useChange(({ alarm }) => acknowledgeAlarm(alarm.id));
}

export interface Shelving {
  alarm: Alarm;
  reason: string;
  minutes: number;
}

export function useShelve(): UseMutationResult<Alarm, Error, Shelving> {
  return useChange(({ alarm, reason, minutes }) => shelveAlarm(alarm.id, reason, minutes));
}

export function useAssignees(id: string): UseQueryResult<Assignee[]> {
  return useQuery({
    queryKey: ['alarm', id, 'assignees'],
    queryFn: ({ signal }) => alarmAssignees(id, signal),
    staleTime: 60_000,
  });
}

export function useAssign(): UseMutationResult<Alarm, Error, { alarm: Alarm; userId: number | null }> {
  return useChange(({ alarm, userId }) => assignAlarm(alarm.id, userId));
}

export function useUnshelve(): UseMutationResult<Alarm, Error, { alarm: Alarm }> {
  return useChange(({ alarm }) => unshelveAlarm(alarm.id));
}

export function useClosedAlarms(site: string): UseInfiniteQueryResult<InfiniteData<AlarmPage>> {
  return useInfiniteQuery(
    paged(['closed alarms', site], 60_000, (cursor, signal) => closedAlarms(site, cursor, signal)),
  );
}

export function useAlarmHistory(id: string): UseQueryResult<AlarmStep[]> {
  return useQuery({
    queryKey: ['alarm', id, 'history'],
    queryFn: ({ signal }) => alarmHistory(id, signal),
    refetchInterval: 10_000,
  });
}

export function useAlarmMessages(site: string, id: string): UseQueryResult<Notification[]> {
  return useQuery({
    queryKey: ['alarm', id, 'messages'],
    queryFn: ({ signal }) => alarmMessages(site, id, signal),
    refetchInterval: 10_000,
  });
}

export function useLadders(site: string): UseQueryResult<ShownLadders> {
  return useQuery({
    queryKey: ['ladders', site],
    queryFn: ({ signal }) => siteLadders(site, signal),
    refetchInterval: 60_000,
  });
}

export function useRationales(): UseQueryResult<Rationale[]> {
  return useQuery({
    queryKey: ['rationales'],
    queryFn: ({ signal }) => alarmRationales(signal),
    refetchInterval: 300_000,
  });
}

export function usePerformance(site: string, days: number): UseQueryResult<AlarmPerformance> {
  return useQuery({
    queryKey: ['alarm performance', site, days],
    queryFn: ({ signal }) => {
      const end = Date.now();
      const period = {
        start: new Date(end - days * 86_400_000).toISOString(),
        end: new Date(end).toISOString(),
      };
      return alarmPerformance(site, period, signal);
    },
    refetchInterval: 300_000,
  });
}

function withAnswer(alarms: readonly Alarm[], answered: Alarm): Alarm[] {
  return alarms.map((alarm) => (alarm.id === answered.id ? answered : alarm));
}
