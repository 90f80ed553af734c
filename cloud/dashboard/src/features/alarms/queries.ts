/** Open alarms of a farm, and the one thing a person can do to them here. */
import { useMutation, useQuery, useQueryClient, type UseMutationResult } from '@tanstack/react-query';
import { acknowledgeAlarm, openAlarms } from '../../api/endpoints';
import type { Alarm } from '../../api/types';
import { moment, type Moment } from '../../kit/clock';

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
  const query = useQuery({
    queryKey: ['alarms', site],
    queryFn: async ({ signal }): Promise<Answer> => ({
      alarms: await openAlarms(site ?? '', signal),
      receivedAt: moment(),
    }),
    enabled: site !== undefined,
    refetchInterval: POLL_MS,
  });
  return {
    alarms: query.data?.alarms ?? NONE,
    known: query.data !== undefined,
    error: query.error,
    receivedAt: query.data?.receivedAt ?? null,
  };
}

/** Acknowledge an alarm. Nothing is shown as done before the server has said so. */
export function useAcknowledge(): UseMutationResult<Alarm, Error, Alarm> {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (alarm: Alarm) => acknowledgeAlarm(alarm.id),
    onSuccess: (answered) => {
      client.setQueriesData<Answer>({ queryKey: ['alarms'] }, (old) =>
        old === undefined ? old : { ...old, alarms: withAnswer(old.alarms, answered) },
      );
    },
    onSettled: () => client.invalidateQueries({ queryKey: ['alarms'] }),
  });
}

function withAnswer(alarms: readonly Alarm[], answered: Alarm): Alarm[] {
  return alarms.map((alarm) => (alarm.id === answered.id ? answered : alarm));
}
