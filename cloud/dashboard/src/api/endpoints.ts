/** One function for each path of the API that the dashboard uses. */
import { request } from './client';
import type { Alarm, Login, Observation, Page, Series, Site, SiteLatest, Unit } from './types';

const V1 = '/api/v1';

export function login(email: string, password: string): Promise<Login> {
  const body = new URLSearchParams({ grant_type: 'password', username: email, password });
  return request(`${V1}/auth/login`, { method: 'POST', body, anonymous: true });
}

export function listSites(signal: AbortSignal): Promise<Page<Site>> {
  return request(`${V1}/sites`, { signal });
}

export function siteLatest(site: string, signal: AbortSignal): Promise<SiteLatest> {
  return request(`${V1}/sites/${encodeURIComponent(site)}/latest`, { signal });
}

export function getUnit(id: number, signal: AbortSignal): Promise<Unit> {
  return request(`${V1}/units/${id}`, { signal });
}

export function unitObservations(id: number, limit: number, signal: AbortSignal): Promise<Page<Observation>> {
  return request(`${V1}/units/${id}/observations?limit=${limit}`, { signal });
}

export function channelSeries(id: number, range: SeriesRange, signal: AbortSignal): Promise<Series> {
  const query = new URLSearchParams({
    start: new Date(range.startMs).toISOString(),
    end: new Date(range.endMs).toISOString(),
    max_points: String(range.maxPoints),
  });
  return request(`${V1}/channels/${id}/series?${query.toString()}`, { signal });
}

export interface SeriesRange {
  startMs: number;
  endMs: number;
  maxPoints: number;
}

export function openAlarms(site: string, signal: AbortSignal): Promise<Page<Alarm>> {
  const query = new URLSearchParams({ site, open: 'true', limit: '200' });
  return request(`${V1}/alarms?${query.toString()}`, { signal });
}

export function acknowledgeAlarm(id: string): Promise<Alarm> {
  return request(`${V1}/alarms/${encodeURIComponent(id)}/acknowledge`, { method: 'POST' });
}
