/** One function for each path of the API that the dashboard uses. */
import { answerOf, api } from './client';
import type {
  Alarm,
  AlarmPage,
  AlarmPerformance,
  AlarmStep,
  Login,
  Notification,
  Observation,
  Rationale,
  Series,
  ShownLadders,
  Site,
  SiteLatest,
  Unit,
} from './types';

export function login(email: string, password: string): Promise<Login> {
  return answerOf(
    api.POST('/api/v1/auth/login', {
      body: { grant_type: 'password', username: email, password, scope: '' },
      bodySerializer: (body) => new URLSearchParams({ username: body.username, password: body.password }),
      headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    }),
  );
}

export async function listSites(signal: AbortSignal): Promise<Site[]> {
  const page = await answerOf(api.GET('/api/v1/sites', { params: { query: { limit: 200 } }, signal }));
  return page.items;
}

export function siteLatest(site: string, signal: AbortSignal): Promise<SiteLatest> {
  return answerOf(api.GET('/api/v1/sites/{site}/latest', { params: { path: { site } }, signal }));
}

export function getUnit(id: number, signal: AbortSignal): Promise<Unit> {
  return answerOf(api.GET('/api/v1/units/{unit_id}', { params: { path: { unit_id: id } }, signal }));
}

export async function unitObservations(
  id: number,
  limit: number,
  signal: AbortSignal,
): Promise<Observation[]> {
  const params = { path: { unit_id: id }, query: { limit } };
  const page = await answerOf(api.GET('/api/v1/units/{unit_id}/observations', { params, signal }));
  return page.items;
}

export interface SeriesRange {
  startMs: number;
  endMs: number;
  maxPoints: number;
}

export function channelSeries(id: number, range: SeriesRange, signal: AbortSignal): Promise<Series> {
  const query = {
    start: new Date(range.startMs).toISOString(),
    end: new Date(range.endMs).toISOString(),
    max_points: range.maxPoints,
  };
  const params = { path: { channel_id: id }, query };
  return answerOf(api.GET('/api/v1/channels/{channel_id}/series', { params, signal }));
}

/** Open alarms of a farm: active, or not yet acknowledged. More than one page of them would not be read. */
export async function openAlarms(site: string, signal: AbortSignal): Promise<Alarm[]> {
  const page = await answerOf(
    api.GET('/api/v1/alarms', { params: { query: { site, open: true, limit: 200 } }, signal }),
  );
  return page.items;
}

export function acknowledgeAlarm(id: string): Promise<Alarm> {
  return answerOf(api.POST('/api/v1/alarms/{alarm_id}/acknowledge', { params: { path: { alarm_id: id } } }));
}

/** Alarms that are over, newest first, a page at a time. */
export function closedAlarms(site: string, cursor: string | null, signal: AbortSignal): Promise<AlarmPage> {
  const query = { site, open: false, limit: 50, ...(cursor === null ? {} : { cursor }) };
  return answerOf(api.GET('/api/v1/alarms', { params: { query }, signal }));
}

export function shelveAlarm(id: string, reason: string, minutes: number): Promise<Alarm> {
  const params = { path: { alarm_id: id } };
  return answerOf(api.POST('/api/v1/alarms/{alarm_id}/shelve', { params, body: { reason, minutes } }));
}

export function unshelveAlarm(id: string): Promise<Alarm> {
  return answerOf(api.POST('/api/v1/alarms/{alarm_id}/unshelve', { params: { path: { alarm_id: id } } }));
}

export function alarmHistory(id: string, signal: AbortSignal): Promise<AlarmStep[]> {
  return answerOf(
    api.GET('/api/v1/alarms/{alarm_id}/history', { params: { path: { alarm_id: id } }, signal }),
  );
}

export interface Period {
  start: string;
  end: string;
}

export function alarmPerformance(
  site: string,
  period: Period,
  signal: AbortSignal,
): Promise<AlarmPerformance> {
  const params = { path: { site }, query: period };
  return answerOf(api.GET('/api/v1/sites/{site}/alarm-performance', { params, signal }));
}

export function alarmRationales(signal: AbortSignal): Promise<Rationale[]> {
  return answerOf(api.GET('/api/v1/alarm-rationales', { signal }));
}

export function siteLadders(site: string, signal: AbortSignal): Promise<ShownLadders> {
  return answerOf(api.GET('/api/v1/sites/{site}/ladders', { params: { path: { site } }, signal }));
}

/** Messages that an alarm has caused, newest first. */
export async function alarmMessages(
  site: string,
  alarm: string,
  signal: AbortSignal,
): Promise<Notification[]> {
  const params = { path: { site }, query: { alarm, limit: 50 } };
  const page = await answerOf(api.GET('/api/v1/sites/{site}/notifications', { params, signal }));
  return page.items;
}
